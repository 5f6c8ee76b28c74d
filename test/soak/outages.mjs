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
  /** When each device got a line, and when it had none any more. @type {Map<string, { t: number, isUp: boolean }[]>} */
  #changes = new Map();
  /** @type {Map<string, string>} */
  #states = new Map();
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
    const isUp = CONNECTED.has(state);
    const changes = this.#changes.get(device) ?? [];
    this.#changes.set(device, changes);
    if (isUp !== CONNECTED.has(before)) changes.push({ t, isUp });
    if (UNWANTED.has(state)) this.#since.delete(device);
    if (state !== 'live') return;
    const since = this.#since.get(device);
    this.#since.delete(device);
    if (since !== undefined) this.recoveries.push(t - Math.min(t, Math.max(since, this.#faultEnd)));
  }

  /**
   * How long after a moment each device had a line for the first time; those that never had one are left out. What is lost later has
   * nothing to do with that moment.
   *
   * @param {number} moment
   */
  backAfter(moment) {
    /** @type {Map<string, number>} */
    const back = new Map();
    for (const [device, changes] of this.#changes) {
      const wasUp = changes.findLast(({ t }) => t <= moment)?.isUp ?? false;
      const first = changes.find(({ t, isUp }) => t > moment && isUp);
      if (wasUp) back.set(device, 0);
      else if (first !== undefined) back.set(device, first.t - moment);
    }
    return back;
  }
}

/** @param {readonly number[]} values @param {number} share in [0, 1] */
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
