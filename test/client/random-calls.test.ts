import { describe, expect, it } from 'vitest';
import type { CallOptions } from '../../src/client/deadline.ts';
import { STATES } from '../../src/client/status.ts';
import { type IotClient, IotError, type Subscription } from '../../src/index.ts';
import type { LocalIotCore } from '../../src/local/index.ts';
import { checkHistory, cleanHistory, type HistoryLine } from '../../src/testing/history-checker.ts';
import { emittedAfterClosed } from '../support/invariants.ts';
import { runs } from '../support/runs.ts';
import { seeded } from '../support/seeded.ts';
import { Scene } from './every-state-support.ts';
import { clientOf, freshId, settled, useCore } from './support.ts';

const theCore = useCore();
const seeds = Array.from({ length: runs(6, 64) }, (_, index) => index + 1);

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

/** One of several callers of the same client, who calls at random and bounds what it calls. */
class Caller {
  readonly #client: IotClient;
  readonly #random: () => number;
  readonly #calls: Promise<unknown>[] = [];

  constructor(client: IotClient, random: () => number) {
    this.#client = client;
    this.#random = random;
  }

  step(): void {
    const client = this.#client;
    const calls: readonly (() => Promise<unknown>)[] = [
      () => client.connect(this.#bounds()),
      () => client.connect(this.#bounds()),
      () => client.connect(),
      () => client.disconnect(this.#flush()),
      () => client.publish('caller', '', { qos: this.#one([0, 1]), ...this.#bounds() }),
      () => client.publish('caller', '', { qos: 1, expiresInMs: this.#one([1, 500, 60_000]) }),
      () => client.subscribe(this.#filter(), this.#bounds(), () => undefined),
      () => client.unsubscribe(this.#filter(), this.#bounds()),
      () => client.when(this.#one(STATES), this.#bounds()),
    ];
    if (this.#random() < 0.1) client.networkOnline();
    this.#made(this.#one(calls)());
  }

  close(): void {
    this.#made(this.#client.close(this.#flush()));
  }

  /** Throws when a call, or what it promised, has not ended. */
  async allEnded(): Promise<void> {
    await Promise.all(this.#calls);
  }

  #made(call: Promise<unknown>): void {
    const ended = call.then(
      async (result) => {
        if (typeof result === 'object' && result !== null && 'delivered' in result)
          await Promise.allSettled([result.delivered]);
        if (typeof result === 'object' && result !== null && 'granted' in result)
          await Promise.allSettled([result.granted]);
      },
      (reason: unknown) => {
        if (reason !== 'enough' && !IotError.is(reason)) throw reason;
      },
    );
    this.#calls.push(ended);
  }

  #bounds(): CallOptions {
    const drawn = this.#random();
    if (drawn < 0.4) return {};
    if (drawn < 0.6) return { timeoutMs: this.#one([1, 700, 20_000]) };
    const stop = new AbortController();
    if (drawn < 0.7) stop.abort('enough');
    else if (drawn < 0.9) void settled(Math.ceil(this.#random() * 10)).then(() => stop.abort('enough'));
    return { signal: stop.signal };
  }

  #flush(): { flushTimeoutMs?: number } {
    return this.#one([{}, { flushTimeoutMs: 0 }, { flushTimeoutMs: 300 }]);
  }

  #filter(): string {
    return `filter/${Math.floor(this.#random() * 4)}`;
  }

  #one<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random() * choices.length)] as T;
  }
}

describe('fault:G-2 fault:G-5 several callers of one client, over random faults and random times', () => {
  it.each(seeds)('seed %i', async (seed) => {
    const core = theCore();
    const random = seeded(1_000 + seed);
    const scene = new Scene(core, { session: seed % 2 === 0 ? 'persistent' : 'clean', random });
    const { client, clock, clientId } = scene;
    const callers = Array.from({ length: 3 }, () => new Caller(client, random));
    const faults: readonly (() => unknown)[] = [
      () => core.faults.dropConnections({ clientId }),
      () => core.faults.refuse({ returnCode: [2, 3, 4, 5][Math.floor(random() * 4)] as number, times: 1 }),
      () => core.faults.freeze({ clientId }),
      () => core.faults.thaw({ clientId }),
      () => core.faults.stopListening(),
      () => core.faults.listen(),
    ];
    for (let step = 0; step < 120; step++) {
      callers[Math.floor(random() * callers.length)]?.step();
      if (random() < 0.15) await faults[Math.floor(random() * faults.length)]?.();
      await settled(Math.floor(random() * 6));
      if (random() < 0.4) clock.advance([1, 200, 1_000, 6_000, 20_000][Math.floor(random() * 5)] as number);
    }
    // From every fault but the one that only a person can mend it comes back by itself, and from that when it is told.
    core.faults.refuse({ times: 0 });
    core.faults.thaw();
    await core.faults.listen();
    client.connect().catch(() => undefined);
    const isLive = (): boolean => client.status.state === 'live';
    for (let turn = 0; turn < 5_000 && !isLive(); turn++) {
      await settled(4);
      if (!isLive() && turn % 20 === 0) clock.advance(Math.min(clock.nextIn ?? 0, 1_000));
    }
    expect(client.status.state).toBe('live');

    for (const caller of callers) caller.close();
    clock.advance(60_000);
    for (const caller of callers) await caller.allEnded();
    expect(client.status.state).toBe('closed');
    expect(scene.signIn.mostAtOnce).toBeLessThanOrEqual(1);
    expect(emittedAfterClosed(scene.emitted)).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});

describe('random calls, with cuts in between', () => {
  it.each(seeds)('seed %i', async (seed) => {
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
