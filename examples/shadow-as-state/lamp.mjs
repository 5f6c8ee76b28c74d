// @ts-check
// A lamp that keeps no state of its own: it is what its shadow says.

import { InvalidDocumentError } from 'aws-iot-machines';
import { z } from 'zod';
import { explain } from '../support/device.mjs';
import { tell } from '../support/tell.mjs';

/** What a lamp may be. All of it is optional: an update says only what it changes. */
export const LampState = z
  .object({
    power: z.enum(['on', 'off']),
    brightness: z.number().int().min(0).max(100),
  })
  .partial();

/** @typedef {z.infer<typeof LampState>} LampState */

/** @type {LampState} */
const AS_BOUGHT = { power: 'off', brightness: 100 };
const BAR_WIDTH = 10;

/**
 * Shows the lamp at each change of its shadow, and makes it what is desired.
 *
 * @param {import('aws-iot-machines').Shadow<LampState>} shadow
 * @param {AbortSignal} signal
 */
export async function runLamp(shadow, signal) {
  let shown = '';
  const show = (/** @type {string} */ line) => {
    if (line !== shown) tell('lamp', line);
    shown = line;
  };
  shadow.onState((state) => {
    if (state.reported) show(lineOf(state.reported, state));
  });
  // It comes in more than one message: as what is desired, and as a delta.
  shadow.onInvalid((error) => show(`refuses ${faultIn(error)}`));
  shadow.onDelta(async ({ state }) => {
    await shadow.update({ reported: state });
  });
  const { reported } = await shadow.whenSynced({ signal });
  if (reported === undefined) await shadow.update({ reported: AS_BOUGHT }, { signal });
}

/**
 * @param {LampState} reported
 * @param {import('aws-iot-machines').ShadowState<LampState>} state
 */
function lineOf({ power = 'off', brightness = 0 }, { delta, version, synced }) {
  const lit = power === 'on' ? Math.round((brightness / 100) * BAR_WIDTH) : 0;
  const bar = '█'.repeat(lit).padEnd(BAR_WIDTH, '░');
  const todo = delta ? `to do: ${JSON.stringify(delta)}` : 'nothing to do';
  return `${power.padEnd(3)} ${bar} ${`${brightness} %`.padStart(5)}  v${version}  ${synced ? todo : 'may be old'}`;
}

/** @param {import('aws-iot-machines').IotError} error */
function faultIn(error) {
  if (!(error instanceof InvalidDocumentError)) return explain(error);
  return error.issues.map(({ path = [], message }) => `${path.map(String).join('.')}: ${message}`).join('; ');
}
