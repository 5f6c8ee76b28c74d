// @ts-check
// The story of --local: an app changes what a lamp shall be, once to something that no lamp can be, and once while it is away.

import { setTimeout as sleep } from 'node:timers/promises';
import { LocalApp } from '../support/local-app.mjs';
import { tell } from '../support/tell.mjs';

const EVERY_MS = 1_200;

/**
 * @param {import('aws-iot-machines/local').LocalIotCore} core
 * @param {string} thingName
 * @param {AbortSignal} signal
 */
export async function tellStory(core, thingName, signal) {
  const app = new LocalApp(core, thingName);
  const pause = () => sleep(EVERY_MS, undefined, { signal });

  await pause();
  app.desire({ power: 'on', brightness: 60 });
  await pause();
  app.desire({ brightness: 400 });
  await pause();
  app.desire({ brightness: 30 });
  await pause();
  tell('story', 'the line is cut');
  core.faults.stopListening();
  await core.faults.dropConnections();
  await pause();
  app.desire({ power: 'off' });
  await pause();
  await core.faults.listen();
  tell('story', 'the line is back');
  if (!(await app.isServed(signal))) process.exitCode = 1;
}
