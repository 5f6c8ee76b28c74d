import {
  compiledUrl,
  type StoreProcess,
  startStoreProcess,
  withProcesses,
} from '../../support/store-process.ts';
import type { Orders } from '../programs/device.ts';

const PROGRAM = 'test/faults/programs/device.ts';
const LAYERS = ['protocol', 'delivery', 'machines', 'adapters', 'client'];

/** Devices are processes that run our sources, without their types: these are made once for a test file. */
export function withDeviceProcesses(): void {
  withProcesses('src/index.ts', PROGRAM, ...LAYERS.map((layer) => `src/${layer}`));
}

/** Starts a device. When the test is over it is killed, if it still runs. */
export function startDevice(orders: Orders): StoreProcess {
  return startStoreProcess(`
    process.argv = [process.execPath, 'device', ${JSON.stringify(JSON.stringify(orders))}];
    await import(${JSON.stringify(compiledUrl(PROGRAM))});
  `);
}
