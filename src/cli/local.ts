import { once } from 'node:events';

import { type LocalIotCore, type LocalIotCoreWarning, startLocalIotCore } from '../local/index.ts';
import { writeDeviceFiles } from './local-files.ts';
import { printGuide } from './local-guide.ts';
import { LocalLog } from './local-log.ts';
import { explainPort, type LocalTarget } from './local-options.ts';
import type { Terminal } from './terminal.ts';

/** Runs a core until it is interrupted, and leaves nothing behind that was not to be kept. */
export async function runLocalCore(
  target: LocalTarget,
  terminal: Terminal,
  interrupt: AbortSignal,
): Promise<void> {
  const log = new LocalLog(terminal);
  await using core = await start(target, (warning) => log.warn(warning));
  using files = await writeDeviceFiles(core, target);
  if (interrupt.aborted) return;
  if (!target.isQuiet) {
    printGuide(terminal, core, { target, files });
    log.watch(core.tap, interrupt);
  }
  await once(interrupt, 'abort');
}

async function start(
  target: LocalTarget,
  onWarning: (warning: LocalIotCoreWarning) => void,
): Promise<LocalIotCore> {
  const { ports, directory } = target;
  try {
    return await startLocalIotCore({
      ...ports,
      ...(directory === undefined ? {} : { directory }),
      onWarning,
    });
  } catch (error) {
    throw explainPort(error as Error, target);
  }
}
