import { describe, expect, test } from 'vitest';
import type { AnyMachineSnapshot, EventObject } from 'xstate';
import { clientMachine, Handle } from '../../src/machines/index.ts';
import { adjacencyOf, type Edge, machineModel } from '../../src/testing/index.ts';
import { pure } from './pure.ts';
import { error, placeOf, session } from './support.ts';

const input = { ports: new Handle({} as never) };
const { start, step, afterEvents } = pure(clientMachine, input);
const event = (type: string, more: object = {}): EventObject => ({ type, ...more });

const CONNECTED = event('connection.connected', { session: session() });
const USABLE = event('connection.usable', { session: session() });
const KEPT = event('connection.usable', { session: session({ sessionPresent: true }) });
const CAUTION = { quietMs: 1_500, filtersPerSubscribe: 4 };
const UNDER_INQUIRY = event('connection.usable', { session: session({ caution: CAUTION }) });
const CLOSE = event('close');

type Row = readonly [given: EventObject, effects: readonly string[]];

/** Which child each command and each fact is brought to, and what is passed on to whoever listens to the client. */
const ROUTES: readonly Row[] = [
  [event('connect'), ['tell connection connect']],
  [event('disconnect'), ['tell connection disconnect']],
  [event('network.online'), ['tell connection network.online']],
  [event('filter.wanted', { filter: 'a', qos: 0 }), ['tell subscriptions subscribe']],
  [event('filter.unwanted', { filter: 'a' }), ['tell subscriptions unsubscribe']],
  [
    event('filter.poisoned', { filter: 'a', error: error('POISON_SUBSCRIPTION') }),
    ['tell subscriptions filter.poisoned'],
  ],
  [event('pace', { drain: { perSecond: 1, adaptive: true } }), ['tell queue pace']],
  [event('backlog.recovered'), ['tell queue backlog.recovered']],
  [CONNECTED, ['emit connection.connected']],
  [USABLE, ['tell subscriptions session.started', 'emit connection.usable']],
  [KEPT, ['tell subscriptions session.started', 'emit connection.usable']],
  [UNDER_INQUIRY, ['tell subscriptions session.started', 'emit connection.usable']],
  [event('connection.resubscribed'), ['tell queue drain', 'emit connection.resubscribed']],
  [event('connection.live'), ['emit connection.live']],
  [event('connection.flushing'), ['tell queue hold', 'emit connection.flushing']],
  [
    event('connection.disconnected'),
    ['tell queue hold', 'tell subscriptions session.ended', 'emit connection.disconnected'],
  ],
  [event('connection.lost', { error: error('DNS_FAILED') }), ['emit connection.lost']],
  [event('connection.failed', { error: error('KEY_MISMATCH') }), ['emit connection.failed']],
  [event('connection.ended'), ['emit connection.ended']],
  [event('connection.faulted', { error: error('INTERNAL') }), ['emit connection.faulted']],
  [event('subscriptions.settled'), ['tell connection subscriptions.settled', 'emit subscriptions.settled']],
  [
    event('subscriptions.unanswered', { error: error('OPERATION_TIMEOUT') }),
    ['tell connection subscriptions.unanswered', 'emit subscriptions.unanswered'],
  ],
  [event('queue.drained'), ['tell connection queue.drained', 'emit queue.drained']],
  [event('queue.endless'), ['emit queue.endless']],
  [
    event('queue.failed', { error: error('INTERNAL') }),
    ['tell connection queue.failed', 'emit queue.failed'],
  ],
  [event('filter.granted', { filter: 'a', qos: 0 }), ['emit filter.granted']],
  [event('filter.refused', { filter: 'a', error: error('SUBSCRIPTION_REFUSED') }), ['emit filter.refused']],
  [event('filter.released', { filter: 'a' }), ['emit filter.released']],
  [event('publish', { topic: 'a', payload: 'b' }), ['tell messages publish']],
  [event('subscribe', { filter: 'a' }), ['tell messages subscribe']],
  [event('unsubscribe', { filter: 'a' }), ['tell messages unsubscribe']],
  [event('message.received', { filter: 'a', message: {} }), ['emit message.received']],
  [event('message.queued', { id: '1', topic: 'a' }), ['emit message.queued']],
  [event('message.delivered', { id: '1', topic: 'a' }), ['emit message.delivered']],
  [
    event('message.undelivered', { id: '1', topic: 'a', error: error('CLOSED') }),
    ['emit message.undelivered'],
  ],
  [
    event('subscription.failed', { filter: 'a#', error: error('INVALID_ARGUMENT') }),
    ['emit subscription.failed'],
  ],
];
const COMMANDS = new Set([
  'connect',
  'disconnect',
  'network.online',
  'filter.wanted',
  'filter.unwanted',
  'filter.poisoned',
  'pace',
  'backlog.recovered',
]);

test('begins with its children, and first with the one that hears what the others report at their start', () => {
  expect(start()).toMatchObject({
    place: 'open.running',
    effects: ['start messages', 'start connection', 'start queue', 'start subscriptions'],
  });
});

describe('running', () => {
  test.each(ROUTES.map(([given, effects]) => [given.type, given, effects] as const))(
    '%s',
    (_, given, effects) => {
      expect(step(start().snapshot, given)).toMatchObject({ place: 'open.running', effects });
    },
  );

  test('close', () => {
    expect(step(start().snapshot, CLOSE)).toMatchObject({
      place: 'open.closing',
      effects: ['tell connection disconnect', 'timer closeTimeout 7000'],
    });
    expect(step(start().snapshot, event('close', { flushTimeoutMs: 60_000 })).effects).toContain(
      'timer closeTimeout 62000',
    );
  });

  test('withdraw: only the last one drops the line', () => {
    const once = [event('connect')];
    const twice = [...once, event('connect')];
    const withdraw = event('withdraw');
    const drop = ['tell connection disconnect'];
    expect(afterEvents([withdraw]).effects).toEqual([]);
    expect(afterEvents([...once, withdraw]).effects).toEqual(drop);
    expect(afterEvents([...twice, withdraw]).effects).toEqual([]);
    expect(afterEvents([...twice, withdraw, withdraw]).effects).toEqual(drop);
    expect(afterEvents([...twice, event('disconnect'), withdraw]).effects).toEqual([]);
    expect(
      afterEvents([...twice, event('connection.failed', { error: error('INTERNAL') }), withdraw]).effects,
    ).toEqual([]);
  });
});

describe('closing', () => {
  const closing = afterEvents([CLOSE]).snapshot;
  const facts = ROUTES.filter(([{ type }]) => !COMMANDS.has(type) && type !== 'connection.ended');
  const ended = ['stop subscriptions', 'stop queue', 'stop connection'];

  test.each(facts.map(([given, effects]) => [given.type, given, effects] as const))(
    'still routes %s',
    (_, given, effects) => {
      expect(step(closing, given)).toMatchObject({ place: 'open.closing', effects });
    },
  );

  test.each([...COMMANDS, 'withdraw'])('obeys no %s', (type) => {
    expect(step(closing, event(type, { filter: 'a', qos: 0 }))).toMatchObject({
      place: 'open.closing',
      effects: [],
    });
  });

  test('ends with the connection, or in time', () => {
    const end = step(closing, event('connection.ended'));
    expect(end).toMatchObject({
      place: 'closed',
      effects: expect.arrayContaining(['emit connection.ended', ...ended]),
    });
    expect(end.snapshot.status).toBe('done');
    expect(step(closing, event('xstate.after.closeTimeout.client.open.closing')).place).toBe('closed');
  });

  test.each(['connection', 'queue', 'subscriptions'])('ends when its %s dies, in whatever state', (child) => {
    const cause = new Error('test');
    const died = event(`xstate.error.actor.${child}`, { error: cause });
    for (const state of [start().snapshot, closing]) {
      const { place, snapshot } = step(state, died);
      expect(place).toBe('closed');
      expect(snapshot.context.failure).toMatchObject({ code: 'INTERNAL', cause });
    }
  });
});

describe('invariants', () => {
  const model = machineModel(clientMachine, {
    input,
    events: [
      ...ROUTES.map(([given]) => given),
      ...['connection', 'queue', 'subscriptions'].map((child) =>
        event(`xstate.error.actor.${child}`, { error: new Error('test') }),
      ),
    ],
    abstract: ({ asked }) => Math.min(asked, 2),
  });
  const { states, edges, reachable } = adjacencyOf(model);
  const isClosing = (state: AnyMachineSnapshot) => placeOf(state) === 'open.closing';
  const isClosed = (state: AnyMachineSnapshot) => placeOf(state) === 'closed';
  const show = ({ from, event: { type }, to }: Edge) => `${placeOf(from)} --${type}--> ${placeOf(to)}`;

  test('are claimed of all there is', () => {
    expect(new Set(states.map(placeOf))).toEqual(new Set(['open.running', 'open.closing', 'closed']));
  });

  test('closing is never taken back', () => {
    const closing = edges.filter(({ event: { type } }) => type === 'close').map(({ to }) => to);
    expect(closing.length).toBeGreaterThan(0);
    expect(reachable(closing).every((state) => isClosing(state) || isClosed(state))).toBe(true);
  });

  test('closing ends by time alone', () => {
    const byTime = ({ event: { type } }: Edge) => type.startsWith('xstate.after.');
    for (const state of states.filter(isClosing))
      expect(reachable([state], byTime).some(isClosed)).toBe(true);
  });

  test('the children live exactly as long as it is open', () => {
    for (const state of states) {
      const children = Object.keys(state.children).sort();
      expect(children).toEqual(isClosed(state) ? [] : ['connection', 'messages', 'queue', 'subscriptions']);
    }
  });

  test('nobody is counted who did not ask, and none below none', () => {
    for (const edge of edges) {
      const change = edge.to.context.asked - edge.from.context.asked;
      expect(edge.to.context.asked, show(edge)).toBeGreaterThanOrEqual(0);
      if (change > 0) expect(edge.event.type).toBe('connect');
      if (change < 0)
        expect(['withdraw', 'disconnect', 'close', 'connection.failed']).toContain(edge.event.type);
    }
  });

  test('a line is asked for by connect only', () => {
    const asking = edges.filter(({ from, event: given }) =>
      step(from, given).effects.includes('tell connection connect'),
    );
    expect(new Set(asking.map(({ event: { type } }) => type))).toEqual(new Set(['connect']));
    expect(asking.some(({ from }) => isClosing(from))).toBe(false);
  });

  test('every fact is passed on exactly once', () => {
    for (const edge of edges) {
      const passed = step(edge.from, edge.event).effects.filter((effect) => effect.startsWith('emit'));
      const isFact =
        /^(connection|queue|subscriptions|filter|message|subscription)\./.test(edge.event.type) &&
        !COMMANDS.has(edge.event.type);
      expect(passed, show(edge)).toEqual(isFact ? [`emit ${edge.event.type}`] : []);
    }
  });
});
