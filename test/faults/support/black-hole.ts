import { once } from 'node:events';
import net from 'node:net';
import { Worker } from 'node:worker_threads';

/** A port that takes no connection and refuses none. */
export interface BlackHole extends AsyncDisposable {
  readonly port: number;
}

/** Listens with the shortest queue there is, and never again looks at it. */
const LISTEN = `
  const { parentPort, workerData } = require('node:worker_threads');
  const server = require('node:net').createServer();
  server.listen({ port: workerData.port, host: workerData.host, backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    Atomics.wait(new Int32Array(workerData.gate), 0, 0);
    server.close();
  });
`;

/** As many as the system lets wait beside a backlog of 1. */
const FILLERS = 2;

/**
 * Opens a port whose queue is full: the SYN of whoever connects now is dropped.
 *
 * @param wanted any free one by default
 */
export async function openBlackHole(wanted = 0, host = '127.0.0.1'): Promise<BlackHole> {
  const gate = new SharedArrayBuffer(4);
  const worker = new Worker(LISTEN, { eval: true, workerData: { gate, port: wanted, host } });
  const [port] = (await once(worker, 'message')) as [number];
  const fillers = Array.from({ length: FILLERS }, () => net.connect(port, host));
  for (const filler of fillers) filler.on('error', () => {});
  await Promise.all(fillers.map((filler) => once(filler, 'connect')));
  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const filler of fillers) filler.destroy();
      const array = new Int32Array(gate);
      Atomics.store(array, 0, 1);
      Atomics.notify(array, 0);
      await worker.terminate();
    },
  };
}
