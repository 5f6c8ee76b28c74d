import { pbkdf2Sync } from 'node:crypto';
import { inspect } from 'node:util';
import { afterEach } from 'vitest';

import {
  createIotClient,
  type IotClient,
  type IotClientOptions,
  mutualTls,
  type Status,
} from '../../src/index.ts';
import { FaultProxy } from '../../src/testing/fault-proxy.ts';
import { checkHistory, type HistoryLine, type HistoryReport } from '../../src/testing/history-checker.ts';
import { makeAuthority, makeLeaf, type Pair } from '../support/certificates.ts';
import { Mosquitto, type MosquittoOptions } from '../support/mosquitto.mjs';

const HOST = '127.0.0.1';

/** So that a test of a lost line takes a second instead of a minute. */
export const IMPATIENT = {
  pingTimeoutMs: 500,
  operationTimeoutMs: 500,
  attemptTimeoutMs: 2_000,
  reconnect: { baseMs: 50, maxMs: 400, stableMs: 2_000 },
  offlineQueue: { maxMessages: Number.POSITIVE_INFINITY, drain: { perSecond: Number.POSITIVE_INFINITY } },
} as const satisfies Partial<IotClientOptions>;

const cleanUps: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Does this after the test, before what was begun earlier. */
export function afterThisTest(cleanUp: () => Promise<unknown>): void {
  cleanUps.push(cleanUp);
}

let authority: Promise<Pair> | undefined;

/** A broker with mutual TLS, and how to reach it. */
export interface World {
  readonly broker: Mosquitto;
  readonly authority: Pair;
  /** A client with a certificate of its own; closed after the test. */
  readonly client: (clientId: string, options?: Partial<IotClientOptions>) => Promise<IotClient>;
  /** The options of such a client. */
  readonly options: (clientId: string) => Promise<IotClientOptions>;
  /** A bad network in front of the broker; a client takes it by `port: proxy.port`. */
  readonly proxy: () => Promise<FaultProxy>;
}

export async function startMosquitto(options: MosquittoOptions = {}): Promise<World> {
  authority ??= makeAuthority();
  const ours = await authority;
  const broker = await Mosquitto.start({ ...options, tls: { ca: ours.cert, ...(await makeLeaf(ours)) } });
  cleanUps.push(() => broker.remove());
  const optionsOf = async (clientId: string): Promise<IotClientOptions> => {
    const { cert, key } = await makeLeaf(ours, { name: clientId });
    const auth = mutualTls({ cert, key });
    return { endpoint: HOST, port: broker.port, clientId, ca: ours.cert, auth, ...IMPATIENT };
  };
  return {
    broker,
    authority: ours,
    options: optionsOf,
    client: async (clientId, options = {}) => makeClient({ ...(await optionsOf(clientId)), ...options }),
    proxy: async () => {
      const proxy = await FaultProxy.start({ to: { host: HOST, port: broker.port } });
      cleanUps.push(() => proxy.stop());
      return proxy;
    },
  };
}

/** A client that is closed after the test. */
export function makeClient(options: IotClientOptions): IotClient {
  const client = createIotClient(options);
  cleanUps.push(() => client.close({ flushTimeoutMs: 100 }));
  return client;
}

/** A password as mosquitto_passwd writes it: kind, iterations, a salt of twelve bytes, PBKDF2 with SHA-512. */
export function hashed(password: string): string {
  const salt = Buffer.from('twelve bytes');
  const hash = pbkdf2Sync(password, salt, 101, 64, 'sha512');
  return `$7$101$${salt.toString('base64')}$${hash.toString('base64')}`;
}

/** Below the time that a test has: whoever waits in vain then says what came. */
const PATIENCE_MS = 7_000;

/** Things that came, and a way to wait for more of them. */
export class Inbox<T> {
  readonly all: T[] = [];
  readonly #waiting = new Set<() => void>();

  readonly put = (one: T): void => {
    this.all.push(one);
    for (const look of this.#waiting) look();
  };

  /** Resolves with all that came, once this holds for them. Rejects with what it throws, or when it takes too long. */
  until(isEnough: (all: readonly T[]) => boolean): Promise<readonly T[]> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(deadline);
        this.#waiting.delete(look);
      };
      const look = (): void => {
        try {
          if (!isEnough(this.all)) return;
          resolve(this.all);
        } catch (error) {
          reject(error);
        }
        end();
      };
      const deadline = setTimeout(() => {
        end();
        reject(new Error(`waited in vain; ${this.all.length} came, at last ${inspect(this.all.slice(-5))}`));
      }, PATIENCE_MS);
      this.#waiting.add(look);
      look();
    });
  }

  count(count: number): Promise<readonly T[]> {
    return this.until((all) => all.length >= count);
  }
}

/** The statuses of a client from now on. */
function statusesOf(client: IotClient): Inbox<Status> {
  const inbox = new Inbox<Status>();
  client.on('status', inbox.put);
  return inbox;
}

/** The reason of the first backoff, or failure, from now on. */
export async function nextReason(client: IotClient): Promise<string | undefined> {
  const statuses = await statusesOf(client).until((all) => all.some((status) => 'reason' in status));
  const status = statuses.find((each) => 'reason' in each);
  return status === undefined ? undefined : (status as { reason?: { code: string } }).reason?.code;
}

/** Numbered QoS 1 messages from one client to another, and what became of each. */
export class Traffic {
  readonly #lines = new Inbox<HistoryLine>();
  readonly #rejections: unknown[] = [];
  readonly #topic: string;

  constructor(topic: string) {
    this.#topic = topic;
  }

  async receive(client: IotClient): Promise<void> {
    await client.subscribe(this.#topic, { qos: 1 }, (message) => this.#note('received', message.text()));
  }

  /** Publishes all of them at once, numbered from `from`. */
  publish(client: IotClient, count: number, from = 0): void {
    for (let number = from; number < from + count; number++) void this.#publish(client, String(number));
  }

  /** Resolves when so many different ones have arrived. */
  async arrived(count: number): Promise<void> {
    await this.#until('received', count);
  }

  /** Resolves with the judgement when so many were delivered, as their sender was told, and have arrived. */
  async delivered(count: number): Promise<HistoryReport> {
    await this.#until('delivered', count);
    await this.arrived(count);
    // How often each was written cannot be seen from outside: QoS 1 may bring one twice.
    return { ...checkHistory(this.#lines.all), duplicated: [] };
  }

  /** Nothing that a test publishes may be rejected: it fails with the first reason. */
  async #until(op: HistoryLine['op'], count: number): Promise<void> {
    await this.#lines.until((lines) => {
      if (this.#rejections.length > 0) throw this.#rejections[0];
      return idsOf(lines, op).size >= count;
    });
  }

  async #publish(client: IotClient, id: string): Promise<void> {
    this.#note('accepted', id);
    try {
      const receipt = await client.publish(this.#topic, id, { qos: 1 });
      await receipt.delivered;
      this.#note('delivered', id);
    } catch (error) {
      this.#rejections.push(error);
      this.#note('rejected', id);
    }
  }

  #note(op: 'accepted' | 'received' | 'delivered' | 'rejected', id: string): void {
    this.#lines.put({ t: performance.now(), op, id });
  }
}

function idsOf(lines: readonly HistoryLine[], op: HistoryLine['op']): Set<string> {
  return new Set(lines.filter((line) => line.op === op).map(({ id }) => id));
}
