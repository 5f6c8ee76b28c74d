// @ts-check
// Has Vite make the page, in memory. A project of your own has `vite` and `vite build` instead, and needs no configuration either.

import { extname, join } from 'node:path';
import { build } from 'vite';

const TYPES = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
]);

/** @typedef {{ readonly type: string, readonly body: string | Uint8Array }} PageFile */

/**
 * The files of the page, by their path.
 *
 * @returns {Promise<ReadonlyMap<string, PageFile>>}
 */
export async function buildPage() {
  // The React of development: in its StrictMode each effect runs twice, and what does not bear that shows.
  process.env['NODE_ENV'] = 'development';
  const built = await build({
    root: join(import.meta.dirname, 'page'),
    configFile: false,
    mode: 'development',
    logLevel: 'error',
    build: { write: false, minify: false, chunkSizeWarningLimit: 10_000 },
  });
  const [{ output }] = /** @type {[import('vite').Rolldown.RolldownOutput]} */ ([built].flat());
  return new Map(output.map((file) => [`/${file.fileName}`, pageFile(file)]));
}

/** @param {import('vite').Rolldown.RolldownOutput['output'][number]} file */
function pageFile(file) {
  const type = TYPES.get(extname(file.fileName)) ?? 'application/octet-stream';
  return { type, body: file.type === 'chunk' ? file.code : file.source };
}
