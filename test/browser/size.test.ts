import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import type * as Vite from 'vite';
import { describe, expect, inject, it, vi } from 'vitest';

/** What a page brings anyway, or loads only when it needs it. */
const NOT_OURS = ['mqtt', 'xstate', 'aws4fetch', '@aws-sdk/credential-providers'];

const ENTRIES = {
  everything: "export * from 'aws-iot-machines';",
  'a client with sigV4 and Cognito':
    "export { cognitoIdentity, createIotClient, sigV4 } from 'aws-iot-machines';",
  'a client with a custom authorizer':
    "export { createIotClient, customAuthorizer } from 'aws-iot-machines';",
} as const;

/** Bytes, gzipped, of what Vite makes of our part of a page. */
async function sizeOf(entry: string): Promise<number> {
  const folder = inject('installedApp');
  const require = createRequire(join(folder, 'package.json'));
  const { build } = (await import(pathToFileURL(require.resolve('vite')).href)) as typeof Vite;
  // As when Vite is started by itself.
  vi.stubEnv('NODE_ENV', 'production');
  const virtual = '\0entry';
  const built = await build({
    root: folder,
    logLevel: 'silent',
    plugins: [
      {
        name: 'entry',
        resolveId: (id, importer) =>
          id === 'entry'
            ? virtual
            : importer === virtual
              ? { id: join(folder, 'node_modules/aws-iot-machines/dist/browser.js') }
              : null,
        load: (id) => (id === virtual ? entry : null),
      },
    ],
    build: {
      write: false,
      rolldownOptions: { input: 'entry', external: NOT_OURS, preserveEntrySignatures: 'strict' },
    },
  });
  const outputs = (Array.isArray(built) ? built : [built]) as Vite.Rolldown.RolldownOutput[];
  const code = outputs.flatMap(({ output }) => output.map((one) => ('code' in one ? one.code : ''))).join('');
  return gzipSync(code, { level: 9 }).byteLength;
}

describe('our part of the bundle, minified and gzipped, without mqtt and xstate', () => {
  // What it was when this was written, and 3 % more.
  it.each([
    ['everything', 61_300],
    ['a client with sigV4 and Cognito', 60_100],
    ['a client with a custom authorizer', 57_000],
  ] as const)('%s takes at most %i bytes', async (name, budget) => {
    const bytes = await sizeOf(ENTRIES[name]);
    expect(bytes).toBeLessThanOrEqual(budget);
    expect(bytes).toBeGreaterThan(budget * 0.9);
  });
});
