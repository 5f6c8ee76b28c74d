// @ts-check
// The story of --local: an app desires one thing after the other.

import { setTimeout as sleep } from 'node:timers/promises';
import { LocalApp } from '../support/local-app.mjs';

const DESIRES = [{ color: 'red' }, { color: 'green', brightness: 40 }, { brightness: 80 }];
const EVERY_MS = 1_000;

/**
 * @param {import('aws-iot-machines/local').LocalIotCore} core
 * @param {string} thingName
 * @param {AbortSignal} signal
 */
export async function tellStory(core, thingName, signal) {
  const app = new LocalApp(core, thingName);
  for (const desired of DESIRES) {
    app.desire(desired);
    if (desired !== DESIRES.at(-1)) await sleep(EVERY_MS, undefined, { signal });
  }
  if (!(await app.isServed(signal))) process.exitCode = 1;
}
