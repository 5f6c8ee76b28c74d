// @ts-check
// What the device talks to: a modem that says READY and then takes lines of text, over TCP. It hangs up when it is told to.

import { createServer } from 'node:net';

/** @typedef {{ port: number, hangUp: () => void, stop: () => Promise<void> }} Modem */

/** @returns {Promise<Modem>} */
export async function startModem() {
  /** @type {Set<import('node:net').Socket>} */
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.write('READY\n');
    socket.on('data', (data) => data.toString().includes('BYE') && socket.end());
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const hangUp = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port,
    hangUp,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        hangUp();
      }),
  };
}
