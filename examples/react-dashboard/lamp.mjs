// @ts-check
// The lamp whose shadow the page shows: a device of its own, with a certificate. It takes its time, so that a delta can be seen.

import { setTimeout as sleep } from 'node:timers/promises';
import { createIotClient } from 'aws-iot-machines';

const THING_NAME = 'desk-lamp';
const WORK_MS = 1_200;

/**
 * @param {import('aws-iot-machines/local').LocalIotCore} core
 * @param {AbortSignal} signal
 */
export async function startLamp(core, signal) {
  const client = createIotClient(core.deviceOptions(THING_NAME));
  const shadow = client.shadow(THING_NAME);
  shadow.onDelta(async ({ state }) => {
    await sleep(WORK_MS, undefined, { signal });
    await shadow.update({ reported: state }, { waitForConnection: true, signal });
  });
  // What its handler throws when somebody presses Ctrl-C is no news.
  client.on('handlerError', (error) => signal.aborted || console.log('! the lamp:', error));
  await client.connect({ signal });
  await shadow.update({ reported: { power: 'off', brightness: 40 } }, { signal });
  return { thingName: THING_NAME, close: () => client.close() };
}
