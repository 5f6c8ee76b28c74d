// @ts-check
// Serves the page on the loopback, tells it where the broker is, and does to the line what its buttons ask for.

import { createServer } from 'node:http';

/**
 * @typedef {import('aws-iot-machines/local').LocalIotCore} LocalIotCore
 * @typedef {import('./page-files.mjs').PageFile} PageFile
 */

/** @type {ReadonlyMap<string | undefined, (core: LocalIotCore) => Promise<void>>} */
const LINE = new Map([
  ['/line/cut', async (core) => await core.faults.dropConnections()],
  [
    '/line/down',
    async (core) => {
      core.faults.stopListening();
      await core.faults.dropConnections();
    },
  ],
  ['/line/up', async (core) => await core.faults.listen()],
]);

/**
 * @param {ReadonlyMap<string, PageFile>} files
 * @param {{ core: LocalIotCore, thingName: string, port: number }} options
 */
export async function servePage(files, { core, thingName, port }) {
  const { endpoint, webSocketPort, region, cognito } = core;
  const place = JSON.stringify({ endpoint, port: webSocketPort, region, cognito, thingName });
  const pages = new Map([...files, ['/broker.json', { type: 'application/json', body: place }]]);
  let host = '';
  const server = createServer((request, response) => {
    // A page of a stranger could ask too: by a name of its own that leads here, or from where it stands.
    const { origin = `http://${host}` } = request.headers;
    if (request.headers.host !== host || origin !== `http://${host}`) {
      response.writeHead(403).end();
      return;
    }
    const act = request.method === 'POST' ? LINE.get(request.url) : undefined;
    if (act) {
      act(core).then(
        () => response.writeHead(204).end(),
        (error) => response.writeHead(500).end(String(error)),
      );
      return;
    }
    const page = pages.get(request.url === '/' ? '/index.html' : `${request.url}`);
    if (request.method !== 'GET' || !page) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': page.type, 'cache-control': 'no-store' }).end(page.body);
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, 'localhost', () => resolve(undefined));
  });
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  host = `localhost:${address.port}`;
  return {
    url: `http://${host}/`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
