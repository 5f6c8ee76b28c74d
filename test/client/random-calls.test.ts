import { describe, expect, it } from 'vitest';
import { type IotClient, IotError, type Subscription } from '../../src/index.ts';
import type { LocalIotCore } from '../../src/local/index.ts';
import { checkHistory, cleanHistory, type HistoryLine } from '../../src/testing/history-checker.ts';
import { clientOf, freshId, settled, useCore } from './support.ts';

const theCore = useCore();

/** Numbers in [0, 1) that a seed repeats (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One app that calls whatever comes to its mind, and remembers what it was promised. */
class App {
  readonly lines: HistoryLine[] = [];
  readonly held = new Set<Subscription>();
  readonly deliveries: Promise<unknown>[] = [];
  readonly #core: LocalIotCore;
  readonly #client: IotClient;
  readonly #clientId: string;
  readonly #random: () => number;
  #published = 0;

  constructor(core: LocalIotCore, client: IotClient, clientId: string, random: () => number) {
    this.#core = core;
    this.#client = client;
    this.#clientId = clientId;
    this.#random = random;
  }

  async step(): Promise<void> {
    const steps: readonly (() => unknown)[] = [
      () => this.#connect(),
      () => this.#connect(),
      () => this.#client.disconnect(this.#random() < 0.5 ? { flushTimeoutMs: 0 } : {}),
      () => this.#publish(),
      () => this.#publish(),
      () => this.#publish(),
      () => this.#subscribe(),
      () => this.#subscribe(),
      () => this.#unsubscribe(),
      () => this.#core.faults.dropConnections({ clientId: this.#clientId }),
      () => this.#client.networkOnline(),
      () => settled(Math.ceil(this.#random() * 8)),
      () => settled(Math.ceil(this.#random() * 8)),
    ];
    const done: unknown = steps[Math.floor(this.#random() * steps.length)]?.();
    // Half of the calls are waited for: never a connect, which may have nothing to wait for.
    if (this.#random() < 0.5) await done;
  }

  #connect(): void {
    const stop = new AbortController();
    this.#client.connect({ signal: stop.signal }).catch((reason: unknown) => {
      if (reason !== 'enough' && !IotError.is(reason)) throw reason;
    });
    if (this.#random() < 0.2) stop.abort('enough');
  }

  #publish(): void {
    const id = `${this.#clientId}/${this.#published++}`;
    this.#note('accepted', id);
    const delivery = this.#client
      .publish(id, id, { qos: 1 })
      .then(async ({ state, delivered }) => {
        if (state === 'queued') this.#note('queued', id);
        await delivered;
      })
      .then(() => this.#note('delivered', id));
    this.deliveries.push(delivery);
  }

  #subscribe(): Promise<unknown> {
    const filter = `filter/${Math.floor(this.#random() * 12)}`;
    const qos = this.#random() < 0.5 ? 0 : 1;
    return this.#client.subscribe(filter, { qos }, () => undefined).then((one) => this.held.add(one));
  }

  #unsubscribe(): Promise<void> | undefined {
    const [oldest] = this.held;
    if (oldest === undefined) return undefined;
    this.held.delete(oldest);
    return oldest.unsubscribe();
  }

  #note(op: 'accepted' | 'queued' | 'delivered', id: string): void {
    this.lines.push({ t: this.lines.length, op, id });
  }
}

describe('random calls, with cuts in between', () => {
  it.each(Array.from({ length: 16 }, (_, index) => index + 1))('seed %i', async (seed) => {
    const core = theCore();
    const clientId = freshId();
    const session = seed % 3 === 0 ? 'persistent' : 'clean';
    const offlineQueue = { maxMessages: Infinity, drain: { perSecond: seed % 2 === 0 ? Infinity : 1_000 } };
    const client = clientOf(core, { clientId, session, offlineQueue });
    const app = new App(core, client, clientId, seeded(seed));
    let mostSockets = 0;
    const stopCounting = core.tap.on(() => {
      mostSockets = Math.max(mostSockets, core.clients.filter((one) => one.clientId === clientId).length);
    });
    for (let step = 0; step < 60; step++) await app.step();

    await client.connect();
    await client.when('live');
    await Promise.all(app.deliveries);
    stopCounting();
    expect(mostSockets).toBeLessThanOrEqual(1);
    // fault:I4: accepted is delivered, in order. fault:I8: what is wanted is what the broker has.
    const received = core.received.filter((one) => one.clientId === clientId);
    const arrived = received.map(({ topic }, t): HistoryLine => ({ t, op: 'received', id: topic }));
    const { duplicated, ...report } = checkHistory([...app.lines, ...arrived]);
    const { duplicated: _none, ...clean } = cleanHistory;
    expect(report).toEqual(clean);
    const writes = core.tap.packets({ packet: 'publish', direction: 'toBroker', clientId });
    for (const { id, received: times } of duplicated)
      expect(times).toBeLessThanOrEqual(writes.filter(({ topic }) => topic === id).length);
    const wanted = (): string[] => [...new Set([...app.held].map(({ filter }) => filter))].sort();
    const has = (): string[] =>
      (core.clients.find((one) => one.clientId === clientId)?.subscriptions ?? [])
        .map(({ filter }) => filter)
        .sort();
    await core.when(() => JSON.stringify(has()) === JSON.stringify(wanted()));
    await client.disconnect();
  });
});
