// @ts-check
// What is done again and again, and must leave nothing.
import { createIotClient, mutualTls, plainTcp, sigV4 } from 'aws-iot-machines';
import { Witness } from '../support/live-objects.mjs';

/**
 * @typedef {object} Place Where the core is, and how to come in.
 * @property {string} region
 * @property {Readonly<Record<'plain' | 'tls' | 'webSocket', number>>} ports
 * @property {{ ca: string, cert: string, key: string }} pem
 * @property {{ accessKeyId: string, secretAccessKey: string, sessionToken: string }} credentials
 */

/**
 * @typedef {object} Work
 * @property {(count: number) => Promise<void>} run does so many cycles
 * @property {() => Promise<void>} end
 */

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {number} cycles
 * @property {(place: Place, signal: AbortSignal) => Promise<Work>} start the signal lasts as long as all cycles
 */

/** @typedef {import('aws-iot-machines').IotClient} Client */
/** @typedef {Omit<import('aws-iot-machines').IotClientOptions, 'endpoint'>} Way */

/** As many requests about shadows as AWS takes at a time, and some that wait. */
const SHADOW_CALLS_AT_ONCE = 12;

const WAYS = {
  plain: (/** @type {Place} */ { ports }) => ({ port: ports.plain, auth: plainTcp() }),
  TLS: (/** @type {Place} */ { ports, pem: { ca, cert, key } }) => ({
    port: ports.tls,
    ca,
    auth: mutualTls({ cert, key }),
  }),
  WebSocket: (/** @type {Place} */ { ports, pem: { ca }, credentials, region }) => ({
    port: ports.webSocket,
    ca,
    auth: sigV4({ credentials: async () => credentials, region }),
  }),
};

/** @param {Way} way */
const clientBy = (way) =>
  createIotClient({
    ...way,
    endpoint: 'localhost',
    clientId: 'device',
    // A drain ends one beat after its last message: half a second with the default.
    offlineQueue: { drain: { perSecond: 1_000 } },
  });

/** @type {readonly Case[]} */
export const CASES = [
  lives('plain', 700),
  lives('TLS', 150),
  lives('WebSocket', 150),
  onOne('shadow operations', 10_000, shadowOperation, SHADOW_CALLS_AT_ONCE),
  onOne('subscribe and unsubscribe', 1_000, subscribeAndUnsubscribe),
  onOne('loops that are left', 500, leaveLoop),
  onOne('calls that are aborted', 500, abortCalls),
  onOne('disconnect and connect', 300, comeBack),
];

/**
 * A client from its beginning to its end.
 *
 * @param {keyof typeof WAYS} name
 * @param {number} cycles
 * @returns {Case}
 */
function lives(name, cycles) {
  return {
    name: `connect and close, ${name}`,
    cycles,
    start: async (place, signal) => {
      const way = WAYS[name](place);
      return {
        run: async (count) => {
          for (let index = 0; index < count; index++) await live(clientBy(way), signal);
        },
        end: async () => {},
      };
    },
  };
}

/** @param {Client} client @param {AbortSignal} signal */
async function live(client, signal) {
  const witness = new Witness();
  // One that the app takes away again, and one that it leaves.
  const remove = client.on('status', () => witness);
  client.on('message', () => witness);
  await client.connect({ signal, timeoutMs: 60_000 });
  await client.when('live', { signal });
  remove();
  await client.subscribe('leaks/own', { qos: 1, signal }, () => witness);
  await client.publish('leaks/own', 'mine', { qos: 1, signal, timeoutMs: 60_000 });
  await client.close();
}

/**
 * Cycles of one client, which is there before the first one and ends after the last.
 *
 * @param {string} name
 * @param {number} cycles
 * @param {(client: Client, index: number, signal: AbortSignal) => Promise<unknown>} cycle
 * @param {number} [atOnce]
 * @returns {Case}
 */
function onOne(name, cycles, cycle, atOnce = 1) {
  return {
    name,
    cycles,
    start: async (place, signal) => {
      const client = clientBy(WAYS.plain(place));
      await client.connect();
      await client.when('live');
      let started = 0;
      return {
        run: async (count) => {
          const last = started + count;
          const lane = async () => {
            while (started < last) await cycle(client, started++, signal);
          };
          await Promise.all(Array.from({ length: atOnce }, lane));
        },
        end: () => client.close(),
      };
    },
  };
}

/** @param {Client} client @param {number} index @param {AbortSignal} signal */
async function shadowOperation(client, index, signal) {
  // Those that keep the topics of their answers, and those that give them back each time.
  const shadow = client.shadow('thing', index % 10 < 8 ? {} : { name: 'brief', persistent: false });
  if (index % 2 === 0) await shadow.get({ signal });
  else await shadow.update({ reported: { index } }, { signal });
  if (index % 100 !== 99) return;
  const watched = client.shadow('thing', { name: 'watched' });
  const witness = new Witness();
  const stops = [watched.onDelta(() => witness), watched.onState(() => witness)];
  await watched.update({ desired: { index } });
  await watched.whenSynced({ signal });
  for (const stop of stops) stop();
  await watched.close();
}

/** @param {Client} client @param {number} index @param {AbortSignal} signal */
async function subscribeAndUnsubscribe(client, index, signal) {
  const witness = new Witness();
  const filter = `leaks/${index}/+`;
  const one = await client.subscribe(filter, { qos: 1, signal }, () => witness);
  if (index % 2 === 0) await one.unsubscribe({ signal });
  else await client.unsubscribe(filter, { signal, timeoutMs: 60_000 });
}

/** @param {Client} client @param {number} index */
async function leaveLoop(client, index) {
  // Whoever subscribes gets it: the first loop ends by its message, the second one while it waits.
  if (index === 0) await client.publish('leaks/kept', 'mine', { qos: 1, retain: true });
  for await (const _ of client.messages('leaks/kept', { qos: 1 })) break;
  const silent = client.messages('leaks/silent')[Symbol.asyncIterator]();
  const next = silent.next();
  await silent.return?.();
  await next;
}

/** @param {Client} client @param {number} index */
async function abortCalls(client, index) {
  const stop = new AbortController();
  const calls = [
    client.publish('leaks/aborted', 'mine', { qos: 1, signal: stop.signal }),
    client.subscribe(`leaks/aborted/${index}`, { signal: stop.signal }, () => stop),
    client.when('closed', { signal: stop.signal }),
    client.shadow('thing').get({ signal: stop.signal }),
    client.when('closed', { timeoutMs: 1 }),
  ];
  stop.abort();
  await Promise.allSettled(calls);
}

/** @param {Client} client @param {number} index @param {AbortSignal} signal */
async function comeBack(client, index, signal) {
  await client.disconnect();
  const receipt = await client.publish('leaks/offline', index, { qos: 1 });
  await client.connect({ signal });
  await receipt.delivered;
  await client.when('live', { signal });
}
