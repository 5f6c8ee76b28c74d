// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { faultsOf } from '../chaos/faults.mjs';
import { drawn } from './drawn.mjs';

/**
 * @typedef {object} Ground What faults are done to.
 * @property {import('../chaos/brokers.mjs').Broker} broker
 * @property {readonly import('aws-iot-machines/testing').FaultProxy[]} proxies the lines of some devices go through each
 * @property {readonly string[]} clientIds
 */

/**
 * @typedef {object} Fault
 * @property {string} name
 * @property {number} gapMs after the one before it
 * @property {number} lastingMs
 * @property {number} share in [0, 1): whom it is for
 * @property {number} bytes
 * @property {'toBroker' | 'toClient'} direction
 */

/** @typedef {(lasting: () => Promise<unknown>, fault: Fault) => Promise<void>} Carry */

const LEAST_GAP_MS = 2_000;
const MOST_GAP_MS = 10_000;
const LEAST_LASTING_MS = 300;
const MOST_LASTING_MS = 3_000;
/** Faults of all lines, and not of some of them. */
const SHARE_OF_ALL = 0.4;

/** How often each is drawn, against the others. */
const WEIGHTS = {
  cut: 3,
  end: 2,
  cutInPacket: 3,
  freeze: 3,
  freezeToBroker: 2,
  freezeToClient: 2,
  lostAcknowledgements: 3,
  refuse: 2,
  blackHole: 2,
  throttle: 2,
  delay: 2,
  slowLink: 2,
  restart: 2,
  kill: 1,
  drop: 2,
  dropOne: 2,
  freezeOne: 2,
  freezeCore: 1,
  refuseConnack: 2,
  delayConnack: 2,
  refuseUpgrades: 1,
  skewClock: 1,
  closeDoors: 1,
  delayShadows: 1,
  failShadows: 1,
  loseShadowAnswers: 2,
};

/**
 * @param {Ground} ground
 * @param {() => number} random
 * @returns {Fault}
 */
export function drawFault(ground, random) {
  const known = Object.keys(carriers(ground));
  const choices = Object.entries(WEIGHTS).filter(([name]) => known.includes(name));
  return {
    name: drawn(
      choices.map(([name, weight]) => [weight, name]),
      random,
    ),
    gapMs: LEAST_GAP_MS + (MOST_GAP_MS - LEAST_GAP_MS) * random(),
    lastingMs: LEAST_LASTING_MS + (MOST_LASTING_MS - LEAST_LASTING_MS) * random(),
    share: random(),
    bytes: 1 + Math.floor(400 * random()),
    direction: random() < 0.5 ? 'toBroker' : 'toClient',
  };
}

/**
 * Resolves when it is over and all is well again.
 *
 * @param {Ground} ground
 * @param {Fault} fault
 */
export async function carryOut(ground, fault) {
  await carriers(ground)[fault.name]?.(() => sleep(fault.lastingMs), fault);
}

/** @param {Ground} ground @returns {Record<string, Carry>} */
function carriers(ground) {
  const { broker, proxies } = ground;
  const [first = broker.proxy] = proxies;
  const names = [...Object.keys(faultsOf({ proxy: first, brokerFaults: {} })), ...Object.keys(LINE_FAULTS)];
  return {
    ...Object.fromEntries(names.map((name) => [name, onLines(name, proxies)])),
    ...broker.brokerFaults,
    ...(broker.core === undefined ? {} : coreFaults(broker.core, ground)),
  };
}

/**
 * @param {string} name
 * @param {Ground['proxies']} proxies
 * @returns {Carry}
 */
function onLines(name, proxies) {
  return async (lasting, fault) => {
    const one = proxies[Math.floor(((fault.share - SHARE_OF_ALL) / (1 - SHARE_OF_ALL)) * proxies.length)];
    const chosen = one === undefined ? proxies : [one];
    await Promise.all(
      chosen.map(async (proxy) => {
        const carry = LINE_FAULTS[name]?.(proxy) ?? faultsOf({ proxy, brokerFaults: {} })[name];
        await carry?.(lasting, fault);
      }),
    );
  };
}

/**
 * What chaos does not need.
 *
 * @type {Readonly<Record<string, (proxy: import('aws-iot-machines/testing').FaultProxy) => Carry>>}
 */
const LINE_FAULTS = {
  lostAcknowledgements: (proxy) => async (lasting) => {
    proxy.freeze('toClient');
    await lasting();
    proxy.cut();
    proxy.thaw();
  },
  delay:
    (proxy) =>
    async (lasting, { bytes }) => {
      proxy.delay(bytes);
      await lasting();
      proxy.delay(0);
    },
  slowLink:
    (proxy) =>
    async (lasting, { bytes }) => {
      proxy.delay(bytes / 2);
      proxy.throttle({ bytesPerSecond: 5_000 });
      await lasting();
      proxy.delay(0);
      proxy.throttle({ bytesPerSecond: Number.POSITIVE_INFINITY });
    },
};

/** What a CONNACK may refuse with that does not need other options: those stop a client, and should. */
const REFUSALS = [3, 4, 5];
const UPGRADE_REFUSALS = [403, 429, 503];
const SHADOW_ERRORS = [429, 500, 503];
const SKEW_MS = 600_000;

/**
 * @param {import('aws-iot-machines/local').LocalIotCore} core
 * @param {Ground} ground
 * @returns {Record<string, Carry>}
 */
function coreFaults({ faults }, { clientIds }) {
  /** @template T @param {readonly T[]} choices @param {number} share @returns {T} */
  const oneOf = (choices, share) => /** @type {T} */ (choices[Math.floor(share * choices.length)]);
  return {
    drop: () => faults.dropConnections(),
    dropOne: (_, { share }) => faults.dropConnections({ clientId: oneOf(clientIds, share) }),
    freezeOne: async (lasting, { share }) => {
      faults.freeze({ clientId: oneOf(clientIds, share) });
      await lasting();
      faults.thaw();
    },
    freezeCore: async (lasting) => {
      faults.freeze();
      await lasting();
      faults.thaw();
    },
    refuseConnack: async (lasting, { share }) => {
      faults.refuse({ returnCode: oneOf(REFUSALS, share) });
      await faults.dropConnections();
      await lasting();
      faults.refuse({ times: 0 });
    },
    delayConnack: async (lasting, { share }) => {
      faults.delayConnack(1_500 * share);
      await faults.dropConnections();
      await lasting();
      faults.delayConnack(0);
    },
    refuseUpgrades: async (lasting, { share }) => {
      faults.refuseUpgrades({ status: oneOf(UPGRADE_REFUSALS, share) });
      await faults.dropConnections();
      await lasting();
      faults.refuseUpgrades({ times: 0 });
    },
    skewClock: async (lasting, { share }) => {
      faults.skewClock(share < 0.5 ? SKEW_MS : -SKEW_MS);
      await faults.dropConnections();
      await lasting();
      faults.skewClock(0);
    },
    closeDoors: async (lasting) => {
      faults.stopListening();
      await lasting();
      await faults.listen();
    },
    delayShadows: async (lasting, { bytes }) => {
      faults.delayShadows(2 * bytes);
      await lasting();
      faults.delayShadows(0);
    },
    failShadows: async (lasting, { share }) => {
      faults.failShadows({ code: oneOf(SHADOW_ERRORS, share) });
      await lasting();
      faults.failShadows({ times: 0 });
    },
    loseShadowAnswers: async (lasting) => {
      faults.loseShadowAnswers();
      await lasting();
      faults.loseShadowAnswers({ times: 0 });
    },
  };
}
