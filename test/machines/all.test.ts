import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type AnyStateMachine, type AnyStateNode, createActor } from 'xstate';
import {
  clientMachine,
  connectionMachine,
  deviceShadowMachine,
  Handle,
  offlineQueueMachine,
  shadowOperationMachine,
  subscriptionsMachine,
} from '../../src/machines/index.ts';
import { MAX_DELAY_MS } from '../../src/protocol/clock.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { connected } from './support.ts';

const machines: Record<string, AnyStateMachine> = {
  connection: connectionMachine,
  offlineQueue: offlineQueueMachine,
  subscriptions: subscriptionsMachine,
  shadowOperation: shadowOperationMachine,
  deviceShadow: deviceShadowMachine,
  client: clientMachine,
};

/** Actors that an action starts: of these the table says nothing. */
const SPAWNED: Record<string, readonly string[]> = { client: ['deviceShadow'] };

describe.each(Object.entries(machines))('%s', (id, machine) => {
  const nodes = nodesOf(machine.root);
  const { implementations } = machine;
  const name = (one: unknown): unknown =>
    typeof one === 'object' && one !== null && 'type' in one ? one.type : one;

  test('is called by its file', () => {
    expect(machine.id).toBe(id);
  });

  test('waits only for delays that exist: an unknown one would be over at once', () => {
    const delays = nodes.flatMap((node) => node.after.map(({ delay }) => delay));
    expect(delays.filter((delay) => !(String(delay) in implementations.delays))).toEqual([]);
    expect(Object.keys(implementations.delays).filter((delay) => !delays.includes(delay))).toEqual([]);
  });

  test('names every action, guard and actor: the table has no code in it', () => {
    const unnamed: unknown[] = [];
    const used = {
      actions: new Set<unknown>(),
      guards: new Set<unknown>(),
      actors: new Set<unknown>(SPAWNED[id]),
    };
    const use = (kind: keyof typeof used, one: unknown): void => {
      if (one === undefined) return;
      if (typeof name(one) === 'string') used[kind].add(name(one));
      else unnamed.push(one);
    };
    for (const { config, invoke } of nodes) {
      for (const action of [config.entry, config.exit].flat()) use('actions', action);
      for (const { src } of invoke) use('actors', src);
      for (const transition of transitionsOf(config)) {
        for (const action of [transition['actions']].flat()) use('actions', action);
        use('guards', transition['guard']);
      }
    }
    expect(unnamed).toEqual([]);
    // And what it names is there, and what is there is used.
    for (const kind of ['actions', 'guards', 'actors'] as const) {
      expect([...used[kind]].sort()).toEqual(Object.keys(implementations[kind]).sort());
    }
  });

  test('catches what its actors throw', () => {
    for (const { invoke, config } of nodes) {
      for (const { id: child } of invoke) {
        const invoked = [config.invoke]
          .flat()
          .find((one) => one !== undefined && 'id' in one && one.id === child);
        expect(invoked, child).toHaveProperty('onError');
      }
    }
  });

  test('invokes nothing by a system-wide name: two clients may live in one system', () => {
    expect(nodes.flatMap(({ invoke }) => invoke.map(({ systemId }) => systemId)).filter(Boolean)).toEqual([]);
  });

  test('has no delay that a timer cannot keep, whatever it is given', () => {
    for (const extreme of [Number.POSITIVE_INFINITY, Number.MAX_VALUE, 2 ** 31, Number.NaN, 0]) {
      const context = {
        policy: new Proxy({}, { get: (_, key) => (key === 'backoff' ? { stableMs: extreme } : extreme) }),
        session: { lifetimeMs: extreme, caution: { quietMs: extreme, filtersPerSubscribe: 8 } },
        connection: { flushTimeoutMs: extreme, goodbyeTimeoutMs: extreme },
        drain: { perSecond: extreme },
        flushTimeoutMs: extreme,
        retryDelayMs: extreme,
        answerTimeoutMs: extreme,
        timeoutMs: extreme,
        // These count: the first is 1.
        throttles: Math.max(1, extreme || 1),
        failures: Math.max(1, extreme || 1),
        ports: new Handle({}),
      };
      for (const [delay, of] of Object.entries(implementations.delays)) {
        const event = { type: 'close', flushTimeoutMs: extreme };
        const ms = typeof of === 'function' ? (of as DelayOf)({ context, event }, undefined) : Number(of);
        expect(ms, `${delay} of ${extreme}`).toBeGreaterThanOrEqual(0);
        expect(ms, `${delay} of ${extreme}`).toBeLessThanOrEqual(MAX_DELAY_MS);
      }
    }
  });
});

type DelayOf = (args: unknown, params: unknown) => number;

test('sec:S-6 sec:S-7 fault:I10 what ports close over shows in no snapshot, no persisted one and no inspection event', async () => {
  const CANARY = 'canary-7f3a-secret';
  const secret = { key: CANARY };
  const seen = { things: 0, handles: 0, canaries: 0 };
  const look = (thing: unknown): void => {
    const texts = [inspect(thing, { depth: 5, maxStringLength: null }), jsonOf(thing)];
    seen.things += 1;
    if (texts.some((text) => text.includes('[handle]'))) seen.handles += 1;
    if (texts.some((text) => text.includes(CANARY))) seen.canaries += 1;
  };
  const wire = {
    receiveMaximum: 1,
    key: CANARY,
    publish: () => void secret,
    subscribe: async () => [],
    unsubscribe: async () => undefined,
  };
  const outbox = { key: CANARY, setFlow: () => void secret, release: () => undefined, backlog: 0, joined: 0 };
  const clock = new SimulatedClock();
  const actor = createActor(clientMachine, {
    clock,
    input: {
      ports: new Handle({
        openTransport: (report: (fact: ReturnType<typeof connected>) => void) => {
          if (secret.key.length > 0) report(connected());
          return { key: CANARY, disconnect: () => void secret, free: () => void secret };
        },
        outbox,
        currentWire: () => wire,
        credentials: secret,
        open: () => ({ ask: () => void secret, free: () => void secret }),
      } as never),
    },
    inspect: (event) => {
      if (event.type === '@xstate.event') look(event.event);
      if ('snapshot' in event) look(event.snapshot);
    },
  }).start();
  const lookAtAll = (): void => {
    look(actor.getSnapshot());
    look(actor.getPersistedSnapshot());
    for (const child of Object.values(actor.getSnapshot().children)) look(child?.getSnapshot());
  };
  lookAtAll();
  actor.send({ type: 'connect' });
  actor.send({ type: 'filter.wanted', filter: 'a', qos: 1 });
  lookAtAll();
  await Promise.resolve();
  clock.advance(60_000);
  lookAtAll();
  actor.send({ type: 'close' });
  clock.advance(60_000);
  lookAtAll();
  expect(seen.things).toBeGreaterThan(50);
  expect(seen.handles).toBeGreaterThan(0);
  expect(seen.canaries).toBe(0);
});

/** Actor references are cyclic: of such a thing only `inspect` shows something. */
function jsonOf(thing: unknown): string {
  try {
    return String(JSON.stringify(thing));
  } catch {
    return '';
  }
}

function nodesOf(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap((inner) => nodesOf(inner as AnyStateNode))];
}

/** Every transition of a state as it is written, before XState made anything of it. */
function transitionsOf(config: AnyStateNode['config']): Record<string, unknown>[] {
  const invoked = [config.invoke].flat().map((one) => one as Record<string, unknown> | undefined);
  const written: unknown[] = [
    ...Object.values(config.on ?? {}),
    ...Object.values(config.after ?? {}),
    config.always,
    config.onDone,
    ...invoked.flatMap((one) => [one?.['onDone'], one?.['onError'], one?.['onSnapshot']]),
  ];
  return written
    .flat()
    .filter((one): one is Record<string, unknown> => typeof one === 'object' && one !== null);
}
