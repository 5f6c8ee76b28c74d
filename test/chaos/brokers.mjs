// @ts-check
import { NO_RATE_LIMITS, startLocalIotCore } from 'aws-iot-machines/local';
import { FaultProxy } from 'aws-iot-machines/testing';
import { Mosquitto } from '../support/mosquitto.mjs';
import { HOST, TOPIC } from './line.mjs';

/** How often the core is asked what came: before it forgets any of it. */
const COLLECT_MS = 50;

/** What mosquitto logs of a publish. */
const RECEIVED = /Received PUBLISH from \S+ \(.*'numbers\/(\S+)'/g;

/**
 * @typedef {import('./faults.mjs').World & {
 *   core?: import('aws-iot-machines/local').LocalIotCore,
 *   openProxy: (port?: number) => Promise<FaultProxy>,
 *   line: (clientId: string) => Promise<Omit<import('./line.mjs').Line, 'protocolVersion'>>,
 *   arrivals: () => string[],
 *   keepsOrder: boolean,
 *   stop: () => Promise<void>,
 * }} Broker
 *
 * `openProxy`: one more way to the broker, to its usual port unless it says another. `arrivals`: the message ids in the order in which the broker took them; one that came twice is there twice.
 * `keepsOrder`: whether it gives them to a session in that order.
 */

/**
 * Each starts a broker behind a proxy. The options are those of the local core.
 *
 * @type {Readonly<Record<string, (options?: import('aws-iot-machines/local').LocalIotCoreOptions) => Promise<Broker>>>}
 */
export const BROKERS = {
  local: async (options = {}) => {
    const core = await startLocalIotCore({ limits: NO_RATE_LIMITS, ...options });
    const proxies = new Proxies(core.port);
    const proxy = await proxies.open();
    const journal = collect(core);
    return {
      core,
      proxy,
      openProxy: (port) => proxies.open(port),
      line: async (clientId) => {
        const { ca, cert, key } = await core.deviceCredentials(clientId);
        return { clientId, port: proxy.port, tls: { ca, cert, key } };
      },
      brokerFaults: {
        restart: async (lasting) => {
          core.faults.stopListening();
          await core.faults.dropConnections();
          await lasting();
          await core.faults.listen();
        },
      },
      arrivals: journal.read,
      // What comes while it empties the queue of a session overtakes that queue.
      keepsOrder: false,
      stop: async () => {
        journal.stop();
        await proxies.stop();
        await core.stop();
      },
    };
  },

  mosquitto: async () => {
    const settings = ['allow_anonymous true', 'max_queued_messages 0', 'autosave_on_changes false'];
    const broker = await Mosquitto.start({ settings });
    const proxies = new Proxies(broker.port);
    const proxy = await proxies.open();
    return {
      proxy,
      openProxy: (port) => proxies.open(port),
      line: async (clientId) => ({ clientId, port: proxy.port }),
      brokerFaults: {
        restart: async (lasting) => {
          await broker.stop();
          await lasting();
          await broker.start();
        },
        kill: async (lasting) => {
          // It acknowledges before it writes to the disk: what it says last must not arrive, or it loses what it promised.
          for (const each of proxies.all) each.freeze('toClient');
          await broker.saved();
          await broker.kill();
          for (const each of proxies.all) {
            each.cut();
            each.thaw();
          }
          await lasting();
          await broker.start();
        },
      },
      arrivals: readLog(broker),
      keepsOrder: true,
      stop: async () => {
        await proxies.stop();
        await broker.remove();
      },
    };
  },
};

/** The ways to one broker. */
class Proxies {
  /** @type {FaultProxy[]} */
  all = [];
  #usualPort;

  /** @param {number} usualPort */
  constructor(usualPort) {
    this.#usualPort = usualPort;
  }

  async open(port = this.#usualPort) {
    const proxy = await FaultProxy.start({ to: { host: HOST, port } });
    this.all.push(proxy);
    return proxy;
  }

  async stop() {
    await Promise.all(this.all.map((proxy) => proxy.stop()));
  }
}

/**
 * Collects the message ids that a core takes, before it forgets them.
 *
 * @param {import('aws-iot-machines/local').LocalIotCore} core
 */
export function collect(core) {
  /** @type {string[]} */
  const ids = [];
  /** @type {(typeof core.received)[number] | undefined} */
  let newest;
  const read = () => {
    const { received } = core;
    const since = newest === undefined ? 0 : received.lastIndexOf(newest) + 1;
    for (const { topic } of received.slice(since)) {
      if (topic.startsWith(TOPIC)) ids.push(topic.slice(TOPIC.length));
    }
    newest = received.at(-1);
    return ids;
  };
  const timer = setInterval(read, COLLECT_MS);
  return { read, stop: () => clearInterval(timer) };
}

/** @param {Mosquitto} broker */
function readLog(broker) {
  /** @type {string[]} */
  const ids = [];
  let read = 0;
  return () => {
    const { log } = broker;
    const end = log.lastIndexOf('\n') + 1;
    for (const [, id = ''] of log.slice(read, end).matchAll(RECEIVED)) ids.push(id);
    read = end;
    return ids;
  };
}
