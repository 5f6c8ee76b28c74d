// @ts-check
// The app of --local: it says what a thing shall be, in its shadow, and looks whether the device makes it so.

import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { tell } from './tell.mjs';

/** @typedef {import('aws-iot-machines').JsonObject} JsonObject */

/** The broker has a report before the device hears so, and shows it. */
const AFTER_REPORT_MS = 1_000;

export class LocalApp {
  #core;
  #thing;

  /**
   * @param {import('aws-iot-machines/local').LocalIotCore} core
   * @param {string} thingName
   */
  constructor(core, thingName) {
    this.#core = core;
    this.#thing = { thingName };
  }

  /** @param {JsonObject} desired */
  desire(desired) {
    tell('app', `desires ${JSON.stringify(desired)}`);
    this.#core.shadows.update(this.#thing, { state: { desired } });
  }

  /**
   * Waits until all that it desired is reported, but not for ever. Tells both, and says whether they are the same.
   *
   * @param {AbortSignal} signal
   * @param {number} [patienceMs]
   */
  async isServed(signal, patienceMs = 5_000) {
    const isReported = () => isDeepStrictEqual(this.#state.desired, this.#state.reported);
    const patience = sleep(patienceMs, undefined, { signal, ref: false });
    await Promise.race([this.#core.when(isReported), patience]);
    if (isReported()) await sleep(AFTER_REPORT_MS, undefined, { signal });
    const { desired, reported } = this.#state;
    tell('app', `desired ${JSON.stringify(desired)}`);
    tell('app', `has     ${reported ? JSON.stringify(reported) : 'nothing'}`);
    return isReported();
  }

  get #state() {
    return this.#core.shadows.get(this.#thing)?.state ?? {};
  }
}
