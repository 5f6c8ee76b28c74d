// @ts-check

/**
 * @typedef {object} World
 * @property {import('aws-iot-machines/testing').FaultProxy} proxy between the clients and the broker
 * @property {Readonly<Record<string, (lasting: () => Promise<unknown>) => Promise<void>>>} brokerFaults ways for the broker
 *   itself to go
 */

/**
 * @typedef {object} Fault Times are numbers of messages: what a seed draws does not depend on how fast a machine is.
 * @property {string} name
 * @property {number} at how many are published before it begins
 * @property {number} until how many when it ends, for those that last
 * @property {number} bytes that still pass, for those that count them
 * @property {'toBroker' | 'toClient'} direction of those bytes
 */

/** Whoever is live when one of these begins loses the line. */
export const BREAKING = new Set(['cut', 'end', 'refuse', 'blackHole', 'restart', 'kill']);

/**
 * Faults over so many messages, one after the other.
 *
 * @param {World} world
 * @param {() => number} random
 * @param {{ faults: number, messages: number }} size
 * @returns {Fault[]}
 */
export function drawFaults(world, random, size) {
  const names = Object.keys(faultsOf(world));
  const share = size.messages / size.faults;
  // Two of them are a fifth of a share apart at least: the first has shown by then what it does.
  const starts = Array.from({ length: size.faults }, (_, index) => (index + 0.1 + 0.8 * random()) * share);
  return starts.map((start, index) => {
    const next = starts[index + 1] ?? size.messages;
    return {
      name: names[Math.floor(random() * names.length)] ?? '',
      at: Math.floor(start),
      until: Math.floor(start + (0.1 + 0.8 * random()) * (next - start)),
      bytes: 1 + Math.floor(400 * random()),
      direction: random() < 0.5 ? 'toBroker' : 'toClient',
    };
  });
}

/**
 * Disturbs the line as drawn; then all is well again.
 *
 * @param {World} world
 * @param {readonly Fault[]} faults
 * @param {(count: number) => Promise<unknown>} published resolves when so many messages are
 * @param {(name: string) => void} tell
 */
export async function disturb(world, faults, published, tell) {
  const all = faultsOf(world);
  for (const fault of faults) {
    await published(fault.at);
    tell(fault.name);
    await all[fault.name]?.(() => published(fault.until), fault);
  }
}

/**
 * @param {Pick<World, 'proxy' | 'brokerFaults'>} world
 * @returns {Record<string, (lasting: () => Promise<unknown>, fault: Pick<Fault, 'bytes' | 'direction'>) => Promise<void>>}
 */
export function faultsOf({ proxy, brokerFaults }) {
  const frozen =
    (/** @type {'toBroker' | 'toClient' | 'both'} */ direction) =>
    async (/** @type {() => Promise<unknown>} */ lasting) => {
      proxy.freeze(direction);
      await lasting();
      proxy.thaw();
    };
  return {
    cut: async () => proxy.cut(),
    end: async () => proxy.end(),
    cutInPacket: async (_, { bytes, direction }) => proxy.cutAfterBytes(bytes, direction),
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
    ...brokerFaults,
  };
}
