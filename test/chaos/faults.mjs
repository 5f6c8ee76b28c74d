// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * @typedef {object} World
 * @property {import('aws-iot-machines/testing').FaultProxy} proxy between the clients and the broker
 * @property {Readonly<Record<string, (downMs: number) => Promise<void>>>} brokerFaults ways for the broker itself to go
 */

/** A seed gives the same numbers in [0, 1) on every machine (mulberry32). */
export function seeded(/** @type {number} */ seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Whoever is live when one of these begins loses the line. */
export const BREAKING = new Set(['cut', 'end', 'refuse', 'blackHole', 'restart', 'kill']);

/**
 * Disturbs the line every 2 to 10 seconds until the signal says stop; then all is well again.
 *
 * @param {World} world
 * @param {() => number} random
 * @param {(fault: string) => void} tell
 * @param {AbortSignal} signal
 */
export async function disturb(world, random, tell, signal) {
  const faults = faultsOf(world, random);
  const names = Object.keys(faults);
  while (!signal.aborted) {
    // All of it is drawn at once, so that the faults of a seed do not depend on how long one takes.
    const name = names[Math.floor(random() * names.length)] ?? '';
    const gapMs = 2_000 + 8_000 * random();
    const lastsMs = gapMs * (0.1 + 0.8 * random());
    const began = performance.now();
    tell(name);
    await faults[name]?.(() => wait(lastsMs, signal), lastsMs);
    await wait(gapMs - (performance.now() - began), signal);
  }
}

/**
 * @param {World} world
 * @param {() => number} random
 * @returns {Record<string, (lasting: () => Promise<void>, lastsMs: number) => Promise<void>>}
 */
function faultsOf({ proxy, brokerFaults }, random) {
  const frozen =
    (/** @type {'toBroker' | 'toClient' | 'both'} */ direction) =>
    async (/** @type {() => Promise<void>} */ lasting) => {
      proxy.freeze(direction);
      await lasting();
      proxy.thaw();
    };
  const brokerAway = Object.entries(brokerFaults).map(([name, fault]) => [
    name,
    (/** @type {unknown} */ _lasting, /** @type {number} */ lastsMs) => fault(lastsMs / 2),
  ]);
  return {
    cut: async () => proxy.cut(),
    end: async () => proxy.end(),
    cutInPacket: async () =>
      proxy.cutAfterBytes(1 + Math.floor(400 * random()), random() < 0.5 ? 'toBroker' : 'toClient'),
    freeze: frozen('both'),
    freezeToBroker: frozen('toBroker'),
    freezeToClient: frozen('toClient'),
    refuse: async (lasting) => {
      proxy.refuse();
      proxy.cut();
      await lasting();
      await proxy.accept();
    },
    blackHole: async (lasting) => {
      proxy.blackHole();
      proxy.end();
      await lasting();
      await proxy.accept();
    },
    throttle: async (lasting) => {
      proxy.throttle({ bytesPerSecond: 2_000 });
      await lasting();
      proxy.throttle({ bytesPerSecond: Number.POSITIVE_INFINITY });
    },
    ...Object.fromEntries(brokerAway),
  };
}

/** @param {number} delayMs @param {AbortSignal} signal */
async function wait(delayMs, signal) {
  await sleep(Math.max(0, delayMs), undefined, { signal }).catch(() => {});
}
