// @ts-check

/** States in which there is a line. */
const CONNECTED = new Set(['resubscribing', 'draining', 'live']);
/** States in which nobody wants one. */
const UNWANTED = new Set(['idle', 'disconnecting', 'closed']);

/** How long devices are away, and how long they need to be live again once the faults let them. */
export class Outages {
  /** From when a device could come back until it was live, in milliseconds. @type {number[]} */
  recoveries = [];
  /** How many lines each device lost. @type {Map<string, number>} */
  lost = new Map();
  /** Why lines and attempts ended. @type {Map<string, number>} */
  reasons = new Map();
  /** Until when each device was without a line. @type {Map<string, number>} */
  #backAt = new Map();
  /** @type {Map<string, string>} */
  #states = new Map();
  /** Devices that had a line when they last wanted one. @type {Set<string>} */
  #connected = new Set();
  /** @type {Map<string, number>} */
  #since = new Map();
  #faultEnd = 0;

  /** A fault is over, and all is well again. @param {number} t */
  faultEnded(t) {
    this.#faultEnd = t;
  }

  /** @param {number} t @param {string} device @param {string} state @param {string | undefined} code */
  status(t, device, state, code) {
    const before = this.#states.get(device) ?? 'idle';
    this.#states.set(device, state);
    if (state === 'backingOff') {
      this.reasons.set(code ?? 'none', (this.reasons.get(code ?? 'none') ?? 0) + 1);
      if (CONNECTED.has(before)) this.lost.set(device, (this.lost.get(device) ?? 0) + 1);
      if (!this.#since.has(device)) this.#since.set(device, t);
    }
    if (CONNECTED.has(state) && !CONNECTED.has(before)) this.#backAt.set(device, t);
    if (UNWANTED.has(state)) this.#since.delete(device);
    else if (CONNECTED.has(state)) this.#connected.add(device);
    else this.#connected.delete(device);
    if (state !== 'live') return;
    const since = this.#since.get(device);
    this.#since.delete(device);
    if (since !== undefined) this.recoveries.push(t - Math.min(t, Math.max(since, this.#faultEnd)));
  }

  /** How long after a moment each device got the line that it had last; those that had none are left out. @param {number} t */
  backAfter(t) {
    return new Map(
      [...this.#connected].map((device) => [device, Math.max(0, (this.#backAt.get(device) ?? t) - t)]),
    );
  }
}

/** @param {readonly number[]} values @param {number} share in [0, 1] */
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
