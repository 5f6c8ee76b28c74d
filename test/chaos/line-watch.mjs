// @ts-check
import { BREAKING } from './faults.mjs';
import { count } from './report.mjs';

/** States in which there is a line that can break. */
const CONNECTED = new Set(['resubscribing', 'draining', 'live']);

/** Sees which fault breaks the line of a device, and in which state. */
export class LineWatch {
  /** @type {Map<string, number>} */
  faults = new Map();
  /** Lines lost, by the state that it was in. @type {Map<string, number>} */
  lost = new Map();
  /** Faults that should have broken the line, and did not. @type {string[]} */
  failed = [];
  /** How many faults broke the line. */
  broke = 0;
  outages = 0;
  longestMs = 0;
  #begun = 0;
  /** The newest fault that broke a line: it may break the next one too, and counts once. */
  #newestBroke = 0;
  #state = 'live';
  #isDue = false;
  #name = '';
  #since = 0;

  /** @param {string} name */
  fault(name) {
    this.#missed();
    this.#begun += 1;
    this.#name = name;
    this.#isDue = BREAKING.has(name) && this.#state === 'live';
    count(this.faults, name);
  }

  /** No fault comes any more. */
  over() {
    this.#missed();
  }

  /** @param {string} state */
  status(state) {
    if (state === 'backingOff') this.#down();
    if (state === 'live') this.#live();
    this.#state = state;
  }

  #missed() {
    if (this.#isDue) this.failed.push(this.#name);
    this.#isDue = false;
  }

  #down() {
    this.#isDue = false;
    if (this.#since === 0) this.#since = performance.now();
    if (!CONNECTED.has(this.#state)) return;
    count(this.lost, this.#state);
    if (this.#newestBroke === this.#begun) return;
    this.#newestBroke = this.#begun;
    this.broke += 1;
  }

  #live() {
    if (this.#since === 0) return;
    this.outages += 1;
    this.longestMs = Math.max(this.longestMs, performance.now() - this.#since);
    this.#since = 0;
  }
}
