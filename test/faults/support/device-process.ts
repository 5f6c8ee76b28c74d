import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { builtUrl, type StoreProcess, startStoreProcess } from '../../support/store-process.ts';

export interface Orders {
  readonly directory: string;
  /** Of a broker on this machine; without one it never connects. */
  readonly port?: number;
  /** How many it publishes, to the topics `t1`, `t2` and so on; some at a time, as fast as the store takes them. */
  readonly publishes?: number;
  /** Of the first of these. */
  readonly expiresInMs?: number;
}

const PROGRAM = pathToFileURL(join(import.meta.dirname, '../programs/device.mjs')).href;

/** Starts a device on the built package. When the test is over it is killed, if it still runs. */
export function startDevice(orders: Orders): StoreProcess {
  const parameters = ['device', builtUrl('dist/index.js'), JSON.stringify(orders)];
  return startStoreProcess(`
    process.argv = [process.execPath, ...${JSON.stringify(parameters)}];
    await import(${JSON.stringify(PROGRAM)});
  `);
}
