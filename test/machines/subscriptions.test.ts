import { afterEach, describe, expect, test } from 'vitest';
import { createActor, type EventObject, fromTransition } from 'xstate';
import {
  Handle,
  type SubscriptionsContext,
  type SubscriptionsFact,
  type SubscriptionsPorts,
  subscriptionsMachine,
} from '../../src/machines/index.ts';
import type { FilterRequest, QoS, SubscriptionOptions } from '../../src/protocol/message.ts';
import type { FilterAnswer } from '../../src/protocol/transport.ts';
import { adjacencyOf, createPathModel, type Edge } from '../../src/testing/path-model.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { pure } from './pure.ts';
import { error, placeOf } from './support.ts';

type SubscribeWire = NonNullable<ReturnType<SubscriptionsPorts['currentWire']>>;

interface Asked {
  readonly packet: string;
  readonly requests: readonly FilterRequest[];
  readonly answer: (answers?: readonly FilterAnswer[]) => Promise<void>;
  readonly fail: (reason: unknown) => Promise<void>;
}

/** A broker that keeps every SUBSCRIBE and UNSUBSCRIBE until it is told to answer. */
class FakeBroker implements SubscribeWire {
  readonly asked: Asked[] = [];
  /** Answers by itself, as the real one does. */
  answersAtOnce = false;

  get packets(): string[] {
    return this.asked.map(({ packet }) => packet);
  }

  get last(): Asked {
    const last = this.asked.at(-1);
    if (last === undefined) throw new Error('nothing was asked');
    return last;
  }

  subscribe(requests: readonly FilterRequest[]): Promise<readonly FilterAnswer[]> {
    const asked = requests.map(({ filter, qos, ...options }) => [
      `${filter}:${qos}`,
      ...Object.keys(options),
    ]);
    return this.#ask(`SUB ${asked.map((words) => words.join('+')).join(' ')}`, requests);
  }

  async unsubscribe(filters: readonly string[]): Promise<void> {
    await this.#ask(`UNSUB ${filters.join(' ')}`, []);
  }

  #ask(packet: string, requests: readonly FilterRequest[]): Promise<readonly FilterAnswer[]> {
    return new Promise((resolve, reject) => {
      const asked: Asked = {
        packet,
        requests,
        answer: (answers = requests.map(grant)) => settled(() => resolve(answers)),
        fail: (reason) => settled(() => reject(reason)),
      };
      this.asked.push(asked);
      if (this.answersAtOnce) void asked.answer();
    });
  }
}

const grant = ({ filter, qos }: FilterRequest): FilterAnswer => ({ filter, grantedQos: qos });
const refuse = (filter: string): FilterAnswer => ({ filter, error: error('SUBSCRIPTION_REFUSED') });

/** Lets the promise between broker and machine settle. */
async function settled(settle: () => void): Promise<void> {
  settle();
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

function runSubscriptions() {
  const clock = new VirtualClock();
  const broker = new FakeBroker();
  const facts: SubscriptionsFact[] = [];
  const world: { wire: SubscribeWire | undefined } = { wire: broker };
  const listener = createActor(
    fromTransition((_, fact: SubscriptionsFact) => {
      facts.push(fact);
      return undefined;
    }, undefined),
  ).start();
  const ports = new Handle<SubscriptionsPorts>({ currentWire: () => world.wire });
  const actor = createActor(subscriptionsMachine, { clock, input: { ports, parent: listener } }).start();
  return {
    actor,
    clock,
    broker,
    world,
    facts,
    get told() {
      return facts.map((fact) =>
        [fact.type, 'filter' in fact ? fact.filter : '', 'qos' in fact ? fact.qos : ''].join(' ').trim(),
      );
    },
    get place() {
      return placeOf(actor.getSnapshot());
    },
    get wanted() {
      return Object.fromEntries(actor.getSnapshot().context.wanted);
    },
    subscribe: (filter: string, qos: QoS = 0, options?: SubscriptionOptions) =>
      actor.send({ type: 'subscribe', filter, qos, ...(options && { options }) }),
    poison: (filter: string) =>
      actor.send({ type: 'filter.poisoned', filter, error: error('POISON_SUBSCRIPTION') }),
    unsubscribe: (filter: string) => actor.send({ type: 'unsubscribe', filter }),
    begin: (sessionPresent = false, filtersPerSubscribe?: number) =>
      actor.send({
        type: 'session.started',
        sessionPresent,
        ...(filtersPerSubscribe && { filtersPerSubscribe }),
      }),
    end: () => actor.send({ type: 'session.ended' }),
    stop: () => {
      actor.stop();
      listener.stop();
    },
  };
}

const runs: ReturnType<typeof runSubscriptions>[] = [];
const run = () => {
  const it = runSubscriptions();
  runs.push(it);
  return it;
};

afterEach(() => {
  for (const it of runs.splice(0)) {
    it.stop();
    expect(it.clock.pending).toBe(0);
  }
});

describe('one step', () => {
  const { step, afterEvents } = pure(subscriptionsMachine, {
    ports: new Handle<SubscriptionsPorts>({ currentWire: () => undefined }),
  });
  const event = (type: string, more: object = {}): EventObject => ({ type, ...more });
  const subscribe = event('subscribe', { filter: 'a', qos: 1 });
  const unsubscribe = event('unsubscribe', { filter: 'a' });
  const begun = event('session.started', { sessionPresent: false });
  const kept = event('session.started', { sessionPresent: true });
  const ended = event('session.ended');
  const granted = event('broker.answered', { answers: [{ filter: 'a', grantedQos: 1 }] });
  const refused = event('broker.answered', { answers: [refuse('a')] });
  const released = event('broker.unsubscribed');
  const failure = event('broker.failed', { error: error('CONNECTION_LOST') });
  const overdue = (state: string) =>
    event(`xstate.after.answerTimeout.subscriptions.online.${state}.waiting`);
  const late = (state: string) => event(`xstate.after.secondLook.subscriptions.online.${state}.overdue`);
  const poisoned = event('filter.poisoned', { filter: 'a', error: error('POISON_SUBSCRIPTION') });
  const otherOptions = event('subscribe', { filter: 'a', qos: 1, options: { noLocal: true } });

  const PLACES = {
    offline: [],
    'online.settled': [begun],
    'online.subscribing.waiting': [begun, subscribe],
    'online.subscribing.overdue': [begun, subscribe, overdue('subscribing')],
    'online.settled, granted': [begun, subscribe, granted],
    'online.unsubscribing.waiting': [begun, subscribe, granted, unsubscribe],
    'online.unsubscribing.overdue': [begun, subscribe, granted, unsubscribe, overdue('unsubscribing')],
    'online.unanswered': [begun, subscribe, failure],
    'offline, granted': [begun, subscribe, granted, ended],
  };
  const ASKS = ['timer answerTimeout 5000', 'start subscriber'];
  const ASKS_TO_END = ['timer answerTimeout 5000', 'start unsubscriber'];
  const SETTLED = 'emit subscriptions.settled';
  const UNANSWERED = 'emit subscriptions.unanswered';
  const REFUSED = 'emit filter.refused';
  const SECOND_LOOK = ['timer secondLook 50'];

  test.each([
    ['offline', subscribe, 'offline', []],
    ['offline', unsubscribe, 'offline', []],
    ['offline', begun, 'online.settled', [SETTLED]],
    ['offline', ended, 'offline', []],
    ['offline', granted, 'offline', []],
    ['offline', released, 'offline', []],
    ['offline', failure, 'offline', []],
    ['offline, granted', subscribe, 'offline', []],
    ['offline, granted', begun, 'online.subscribing.waiting', ASKS],
    ['offline, granted', kept, 'online.settled', ['emit filter.granted', SETTLED]],
    ['online.settled', subscribe, 'online.subscribing.waiting', ASKS],
    ['online.settled', unsubscribe, 'online.settled', [SETTLED]],
    ['online.settled', granted, 'online.settled', []],
    ['online.settled, granted', subscribe, 'online.settled', ['emit filter.granted', SETTLED]],
    ['online.settled, granted', otherOptions, 'online.subscribing.waiting', ASKS],
    ['online.settled, granted', poisoned, 'online.settled', [REFUSED]],
    ['online.settled', poisoned, 'online.settled', []],
    ['offline', poisoned, 'offline', []],
    ['offline, granted', poisoned, 'offline', [REFUSED]],
    ['online.settled, granted', unsubscribe, 'online.unsubscribing.waiting', ASKS_TO_END],
    [
      'online.subscribing.waiting',
      granted,
      'online.settled',
      ['emit filter.granted', 'stop subscriber', SETTLED],
    ],
    [
      'online.subscribing.waiting',
      refused,
      'online.settled',
      ['emit filter.refused', 'stop subscriber', SETTLED],
    ],
    ['online.subscribing.waiting', subscribe, 'online.subscribing.waiting', []],
    ['online.subscribing.waiting', unsubscribe, 'online.subscribing.waiting', []],
    ['online.subscribing.waiting', released, 'online.subscribing.waiting', []],
    ['online.subscribing.waiting', failure, 'online.unanswered', ['stop subscriber', UNANSWERED]],
    ['online.subscribing.waiting', overdue('subscribing'), 'online.subscribing.overdue', SECOND_LOOK],
    ['online.subscribing.waiting', otherOptions, 'online.subscribing.waiting', []],
    ['online.subscribing.waiting', poisoned, 'online.subscribing.waiting', [REFUSED]],
    [
      'online.subscribing.overdue',
      granted,
      'online.settled',
      ['emit filter.granted', 'stop subscriber', SETTLED],
    ],
    ['online.subscribing.overdue', failure, 'online.unanswered', ['stop subscriber', UNANSWERED]],
    ['online.subscribing.overdue', late('subscribing'), 'online.unanswered', ['stop subscriber', UNANSWERED]],
    ['online.subscribing.overdue', subscribe, 'online.subscribing.overdue', []],
    ['online.subscribing.overdue', ended, 'offline', ['stop subscriber']],
    ['online.subscribing.waiting', ended, 'offline', ['stop subscriber']],
    ['online.subscribing.waiting', begun, 'online.subscribing.waiting', ['stop subscriber', ...ASKS]],
    [
      'online.unsubscribing.waiting',
      released,
      'online.settled',
      ['emit filter.released', 'stop unsubscriber', SETTLED],
    ],
    ['online.unsubscribing.waiting', granted, 'online.unsubscribing.waiting', []],
    ['online.unsubscribing.waiting', failure, 'online.unanswered', ['stop unsubscriber', UNANSWERED]],
    ['online.unsubscribing.waiting', overdue('unsubscribing'), 'online.unsubscribing.overdue', SECOND_LOOK],
    [
      'online.unsubscribing.overdue',
      released,
      'online.settled',
      ['emit filter.released', 'stop unsubscriber', SETTLED],
    ],
    ['online.unsubscribing.overdue', failure, 'online.unanswered', ['stop unsubscriber', UNANSWERED]],
    [
      'online.unsubscribing.overdue',
      late('unsubscribing'),
      'online.unanswered',
      ['stop unsubscriber', UNANSWERED],
    ],
    ['online.unsubscribing.overdue', ended, 'offline', ['stop unsubscriber']],
    ['online.unsubscribing.waiting', poisoned, 'online.unsubscribing.waiting', []],
    ['online.unsubscribing.waiting', ended, 'offline', ['stop unsubscriber']],
    [
      'online.unsubscribing.waiting',
      begun,
      'online.settled',
      ['emit filter.released', 'stop unsubscriber', SETTLED],
    ],
    ['online.unanswered', subscribe, 'online.unanswered', []],
    ['online.unanswered', granted, 'online.unanswered', []],
    ['online.unanswered', ended, 'offline', []],
  ] as const)('%s, %o', (from, given, to, effects) => {
    const reached = step(afterEvents(PLACES[from]).snapshot, given);
    expect(reached.place).toBe(to);
    // Which is done first, telling the answer or stopping who brought it, is of no meaning.
    expect([...reached.effects].sort()).toEqual([...effects].sort());
  });
});

describe('invariants', () => {
  const input = { ports: new Handle<SubscriptionsPorts>({ currentWire: () => undefined }) };
  const { step } = pure(subscriptionsMachine, input);
  const inContext = (context: unknown) => context as SubscriptionsContext;
  const model = createPathModel(subscriptionsMachine, {
    input,
    payloads: (snapshot) => {
      const { wanted, batch } = inContext(snapshot.context);
      const few = [...wanted.values()].reduce((sum, { references }) => sum + references, 0) < 2;
      return [
        ...(few
          ? [
              { type: 'subscribe', filter: 'a', qos: 0 },
              { type: 'subscribe', filter: 'a', qos: 1 },
              { type: 'subscribe', filter: 'b', qos: 0 },
              { type: 'subscribe', filter: 'b', qos: 0, options: { noLocal: true } },
            ]
          : []),
        { type: 'unsubscribe', filter: 'a' },
        { type: 'unsubscribe', filter: 'b' },
        { type: 'broker.unsubscribed' },
        { type: 'session.ended' },
        { type: 'session.started', sessionPresent: true },
        { type: 'session.started', sessionPresent: false },
        { type: 'broker.answered', answers: batch.map(grant) },
        { type: 'broker.answered', answers: batch.map(({ filter }) => refuse(filter)) },
        { type: 'broker.failed', error: error('CONNECTION_LOST') },
        { type: 'filter.poisoned', filter: 'a', error: error('POISON_SUBSCRIPTION') },
        { type: 'xstate.error.actor.subscriber', error: new Error('test') },
        { type: 'xstate.error.actor.unsubscriber', error: new Error('test') },
      ] satisfies (EventObject & Record<string, unknown>)[];
    },
    abstract: (context) => {
      const { wanted, unwanted, batch } = inContext(context);
      return [[...wanted].sort(), [...unwanted].sort(), batch];
    },
    limit: 100_000,
  });
  const { states, edges, reachable } = adjacencyOf(model);
  const show = ({ from, event, to }: Edge) => `${placeOf(from)} --${JSON.stringify(event)}--> ${placeOf(to)}`;
  const except = (claim: (edge: Edge) => boolean) => edges.filter((edge) => !claim(edge)).map(show);
  const statesExcept = (claim: (context: SubscriptionsContext, place: string) => boolean) =>
    states.filter((state) => !claim(inContext(state.context), placeOf(state))).map(placeOf);
  const effects = new Map(edges.map((edge) => [edge, step(edge.from, edge.event).effects]));
  const effectsOf = (edge: Edge) => effects.get(edge) ?? [];

  test('are claimed of all there is', () => {
    expect([...new Set(states.map(placeOf))].sort()).toEqual([
      'offline',
      'online.settled',
      'online.subscribing.overdue',
      'online.subscribing.waiting',
      'online.unanswered',
      'online.unsubscribing.overdue',
      'online.unsubscribing.waiting',
    ]);
    expect(states.length).toBeGreaterThan(100);
  });

  test('settled means: nothing wanted is ungranted, nothing unwanted is left', () => {
    expect(
      statesExcept(
        ({ wanted, unwanted }, place) =>
          place !== 'online.settled' ||
          (unwanted.size === 0 && [...wanted.values()].every(({ grantedQos }) => grantedQos !== undefined)),
      ),
    ).toEqual([]);
  });

  test('settled is told exactly on becoming so', () => {
    expect(
      except(
        (edge) =>
          !effectsOf(edge).includes('emit subscriptions.settled') || placeOf(edge.to) === 'online.settled',
      ),
    ).toEqual([]);
    const enters = ({ from, to }: Edge) =>
      placeOf(to) === 'online.settled' && placeOf(from) !== 'online.settled';
    expect(except((edge) => !enters(edge) || effectsOf(edge).includes('emit subscriptions.settled'))).toEqual(
      [],
    );
  });

  test('no filter is both wanted and unwanted, and none is wanted by nobody', () => {
    expect(
      statesExcept(({ wanted, unwanted }) =>
        [...wanted].every(([filter, { references }]) => references > 0 && !unwanted.has(filter)),
      ),
    ).toEqual([]);
  });

  test('no filter is granted without a session', () => {
    const grants = (edge: Edge) => effectsOf(edge).includes('emit filter.granted');
    expect(except((edge) => !grants(edge) || placeOf(edge.to).startsWith('online'))).toEqual([]);
    expect(
      except(
        (edge) => !grants(edge) || edge.event.type !== 'subscribe' || !placeOf(edge.from).startsWith('off'),
      ),
    ).toEqual([]);
  });

  test('a lost session grants nothing, and leaves nothing to unsubscribe', () => {
    const lost = edges.filter(
      ({ event }) =>
        event.type === 'session.started' && !(event as { sessionPresent?: boolean }).sessionPresent,
    );
    expect(lost.length).toBeGreaterThan(0);
    for (const { to } of lost) {
      const { wanted, unwanted } = inContext(to.context);
      expect([...wanted.values()].every(({ grantedQos }) => grantedQos === undefined)).toBe(true);
      expect(unwanted.size).toBe(0);
    }
  });

  test('offline asks nothing, and from there only a session that begins asks', () => {
    const asks = (edge: Edge) => effectsOf(edge).some((effect) => /^start (un)?subscriber/.test(effect));
    expect(except((edge) => !asks(edge) || placeOf(edge.to).startsWith('online'))).toEqual([]);
    expect(
      except(
        (edge) =>
          !asks(edge) || !placeOf(edge.from).startsWith('off') || edge.event.type === 'session.started',
      ),
    ).toEqual([]);
  });

  test('what is granted was asked for in this session, as it is wanted now, or the broker kept it', () => {
    const isGranted = ({ wanted }: SubscriptionsContext, filter: string) =>
      wanted.get(filter)?.grantedQos !== undefined;
    for (const edge of edges) {
      const [before, after] = [inContext(edge.from.context), inContext(edge.to.context)];
      for (const [filter, { qos, options }] of after.wanted) {
        if (!isGranted(after, filter) || isGranted(before, filter)) continue;
        expect(edge.event.type, show(edge)).toBe('broker.answered');
        expect(before.batch, show(edge)).toContainEqual({ filter, qos, ...options });
      }
    }
  });

  test('whoever asks for something else has to be answered again', () => {
    for (const edge of edges.filter(({ event }) => event.type === 'subscribe')) {
      const { filter } = edge.event as EventObject & { filter: string };
      const [before, after] = [edge.from, edge.to].map(({ context }) =>
        inContext(context).wanted.get(filter),
      );
      const isSame = before?.qos === after?.qos && before?.options.noLocal === after?.options.noLocal;
      expect(after?.grantedQos, show(edge)).toBe(isSame ? before?.grantedQos : undefined);
    }
  });

  test('a poisoned filter is wanted by nobody, and its holders are told exactly once', () => {
    for (const edge of edges.filter(({ event }) => event.type === 'filter.poisoned')) {
      const { filter } = edge.event as EventObject & { filter: string };
      expect(inContext(edge.to.context).wanted.has(filter)).toBe(false);
      const told = effectsOf(edge).filter((effect) => effect === 'emit filter.refused');
      expect(told, show(edge)).toHaveLength(inContext(edge.from.context).wanted.has(filter) ? 1 : 0);
      expect(placeOf(edge.to)).toBe(placeOf(edge.from));
    }
  });

  test('no line is called sick before it was looked at twice', () => {
    const bySilence = edges.filter(
      ({ event, to }) => event.type.startsWith('xstate.after.') && placeOf(to) === 'online.unanswered',
    );
    expect(new Set(bySilence.map(({ from }) => placeOf(from)))).toEqual(
      new Set(['online.subscribing.overdue', 'online.unsubscribing.overdue']),
    );
  });

  test('references count: one more by subscribe, one fewer by unsubscribe, none by anything but a refusal', () => {
    const sum = (context: unknown) =>
      [...inContext(context).wanted.values()].reduce((n, { references }) => n + references, 0);
    for (const edge of edges) {
      const change = sum(edge.to.context) - sum(edge.from.context);
      const { filter } = edge.event as EventObject & { filter?: string };
      if (edge.event.type === 'subscribe') expect(change, show(edge)).toBe(1);
      else if (edge.event.type === 'unsubscribe') {
        expect(change, show(edge)).toBe(inContext(edge.from.context).wanted.has(filter ?? '') ? -1 : 0);
      } else if (!['broker.answered', 'filter.poisoned'].includes(edge.event.type))
        expect(change, show(edge)).toBe(0);
    }
  });

  test('a broker that grants all is settled with, whatever had happened before', () => {
    const grantsAll = ({ event }: Edge) =>
      event.type === 'broker.unsubscribed' ||
      (event.type === 'broker.answered' &&
        (event as EventObject & { answers: FilterAnswer[] }).answers.every((one) => 'grantedQos' in one));
    const asking = states.filter((state) => /subscribing/.test(placeOf(state)));
    for (const state of asking) {
      expect(reachable([state], grantsAll).some((one) => placeOf(one) === 'online.settled')).toBe(true);
    }
  });

  test('every question is bounded, and offline none is asked', () => {
    const byTime = ({ event }: Edge) => event.type.startsWith('xstate.after.');
    for (const state of states) {
      const asks = /subscribing/.test(placeOf(state));
      expect(reachable([state], byTime).some((one) => placeOf(one) === 'online.unanswered')).toBe(
        asks || placeOf(state) === 'online.unanswered',
      );
      expect('subscriber' in state.children || 'unsubscriber' in state.children).toBe(asks);
    }
  });

  test('the end of a session is obeyed from everywhere', () => {
    for (const { event, to } of edges)
      if (event.type === 'session.ended') expect(placeOf(to)).toBe('offline');
  });
});

describe('subscribing', () => {
  test('what is wanted is asked for, granted, told and settled', async () => {
    const it = run();
    it.begin();
    expect(it.told).toEqual(['subscriptions.settled']);
    it.subscribe('a', 1);
    it.subscribe('b');
    await it.broker.last.answer();
    await it.broker.last.answer();
    expect(it.broker.packets).toEqual(['SUB a:1', 'SUB b:0']);
    expect(it.told.slice(1)).toEqual(['filter.granted a 1', 'filter.granted b 0', 'subscriptions.settled']);
  });

  test('py:D8 20 filters take SUBSCRIBEs of 8, 8 and 4, one after the other', async () => {
    const it = run();
    for (let n = 0; n < 20; n++) it.subscribe(`f${n}`);
    it.begin();
    expect(it.broker.asked).toHaveLength(1);
    for (let n = 0; n < 3; n++) await it.broker.last.answer();
    expect(it.broker.asked.map(({ requests }) => requests.length)).toEqual([8, 8, 4]);
    expect(it.told.at(-1)).toBe('subscriptions.settled');
    expect(
      new Set(it.broker.asked.flatMap(({ requests }) => requests.map(({ filter }) => filter))).size,
    ).toBe(20);
  });

  test('two holders are one subscription; the second is told at once', async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    await it.broker.last.answer();
    it.subscribe('a');
    expect(it.broker.packets).toEqual(['SUB a:0']);
    expect(it.told.filter((fact) => fact === 'filter.granted a 0')).toHaveLength(2);
    it.unsubscribe('a');
    expect(it.broker.packets).toEqual(['SUB a:0']);
    it.unsubscribe('a');
    expect(it.broker.packets).toEqual(['SUB a:0', 'UNSUB a']);
  });

  test('py:S24 a higher QoS is asked for again, a lower one is not', async () => {
    const it = run();
    it.begin();
    it.subscribe('a', 0);
    await it.broker.last.answer();
    it.subscribe('a', 1);
    await it.broker.last.answer();
    it.subscribe('a', 0);
    expect(it.broker.packets).toEqual(['SUB a:0', 'SUB a:1']);
    expect(it.told.at(-2)).toBe('filter.granted a 1');
    it.end();
    it.begin();
    expect(it.broker.packets.at(-1)).toBe('SUB a:1');
  });

  test('a QoS that is raised while the SUBSCRIBE is out: only the second answer counts', async () => {
    const it = run();
    it.begin();
    it.subscribe('a', 0);
    it.subscribe('a', 1);
    await it.broker.last.answer();
    expect(it.told).toEqual(['subscriptions.settled']);
    await it.broker.last.answer();
    expect(it.broker.packets).toEqual(['SUB a:0', 'SUB a:1']);
    expect(it.told.slice(1)).toEqual(['filter.granted a 1', 'subscriptions.settled']);
  });

  test('fault:B-6 a lower QoS than asked is granted as what it is, and not asked for again', async () => {
    const it = run();
    it.begin();
    it.subscribe('a', 1);
    await it.broker.last.answer([{ filter: 'a', grantedQos: 0 }]);
    expect(it.told.slice(1)).toEqual(['filter.granted a 0', 'subscriptions.settled']);
    expect(it.broker.packets).toHaveLength(1);
  });

  test('py:S5 fault:B-6 a refused filter is not kept, whoever held it; the others are granted', async () => {
    const it = run();
    for (const filter of ['a', 'b', 'b', 'c']) it.subscribe(filter);
    it.begin();
    await it.broker.last.answer([
      grant({ filter: 'a', qos: 0 }),
      refuse('b'),
      grant({ filter: 'c', qos: 0 }),
    ]);
    expect(it.told).toEqual([
      'filter.granted a 0',
      'filter.refused b',
      'filter.granted c 0',
      'subscriptions.settled',
    ]);
    expect(Object.keys(it.wanted)).toEqual(['a', 'c']);
    it.unsubscribe('b');
    it.unsubscribe('b');
    it.end();
    it.begin();
    expect(it.broker.packets.at(-1)).toBe('SUB a:0 c:0');
    it.subscribe('b');
    expect(it.wanted['b']).toMatchObject({ references: 1 });
  });

  test('fault:B-6 no SUBACK in time: the line is called sick, once', () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    it.clock.advance(4_999);
    expect(it.place).toBe('online.subscribing.waiting');
    it.clock.advance(50);
    expect(it.place).toBe('online.subscribing.overdue');
    it.clock.advance(60_000);
    expect(it.place).toBe('online.unanswered');
    expect(it.facts.slice(1)).toMatchObject([
      { type: 'subscriptions.unanswered', error: { code: 'OPERATION_TIMEOUT' } },
    ]);
  });

  test('fault:B-6 a SUBACK with too few, too many or other answers is a protocol error', async () => {
    for (const answers of [[], [refuse('b')], [refuse('a'), refuse('a')]]) {
      const it = run();
      it.begin();
      it.subscribe('a');
      await it.broker.last.answer(answers);
      expect(it.place).toBe('online.unanswered');
      expect(it.facts.at(-1)).toMatchObject({ error: { code: 'PROTOCOL_ERROR', recovery: 'retry' } });
      expect(it.broker.asked).toHaveLength(1);
    }
  });

  test('a SUBSCRIBE that fails, whatever the reason, ends the line and never the device', async () => {
    for (const reason of [
      error('CONNECTION_LOST'),
      error('NOT_CONNECTED'),
      error('CLOSED'),
      new Error('x'),
      'x',
    ]) {
      const it = run();
      it.begin();
      it.subscribe('a');
      await it.broker.last.fail(reason);
      expect(it.facts.at(-1)).toMatchObject({
        type: 'subscriptions.unanswered',
        error: { recovery: 'retry' },
      });
    }
  });

  test('a wire that throws or is gone ends the line', () => {
    for (const wire of [undefined, { subscribe: boom, unsubscribe: boom }]) {
      const it = run();
      it.world.wire = wire;
      it.begin();
      it.subscribe('a');
      expect(it.facts.at(-1)).toMatchObject({
        type: 'subscriptions.unanswered',
        error: { recovery: 'retry' },
      });
      it.end();
      it.subscribe('b');
      it.unsubscribe('a');
      it.begin(true);
      expect(it.actor.getSnapshot().status).toBe('active');
    }
  });
});

describe('a process that was blocked for longer than an answer may take', () => {
  test('fault:E-8 reads a SUBACK that came meanwhile before it calls the line sick', async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    // So an event loop goes on: first the timer that is due, then what the socket has.
    it.clock.advance(5_000);
    expect(it.place).toBe('online.subscribing.overdue');
    await it.broker.last.answer();
    expect(it.place).toBe('online.settled');
    it.clock.advance(60_000);
    expect(it.told.slice(1)).toEqual(['filter.granted a 0', 'subscriptions.settled']);
  });

  test('fault:E-8 reads an UNSUBACK that came meanwhile before it calls the line sick', async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    await it.broker.last.answer();
    it.unsubscribe('a');
    it.clock.advance(5_000);
    expect(it.place).toBe('online.unsubscribing.overdue');
    await it.broker.last.answer();
    it.clock.advance(60_000);
    expect(it.told.slice(-2)).toEqual(['filter.released a', 'subscriptions.settled']);
    expect(it.told).not.toContain('subscriptions.unanswered');
  });

  test('the second look is short: a broker that answers nothing is given up within 50 ms more', () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    it.clock.advance(5_049);
    expect(it.place).toBe('online.subscribing.overdue');
    it.clock.advance(1);
    expect(it.place).toBe('online.unanswered');
  });

  test('the next question has its whole time again', async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    it.subscribe('b');
    it.clock.advance(5_000);
    await it.broker.last.answer();
    it.clock.advance(4_999);
    expect(it.place).toBe('online.subscribing.waiting');
    await it.broker.last.answer();
    expect(it.place).toBe('online.settled');
  });
});

describe('what a subscription asks for beside the QoS', () => {
  test('is asked of the broker', () => {
    const it = run();
    it.begin();
    it.subscribe('a', 1, { noLocal: true, retainHandling: 2 });
    expect(it.broker.last.requests).toEqual([{ filter: 'a', qos: 1, noLocal: true, retainHandling: 2 }]);
  });

  test('the newest holder has its way: what it asks for is asked again, of the same filter', async () => {
    const it = run();
    it.begin();
    it.subscribe('a', 1, { noLocal: true });
    await it.broker.last.answer();
    it.subscribe('a', 0, { retainAsPublished: true });
    await it.broker.last.answer();
    it.subscribe('a', 0);
    await it.broker.last.answer();
    expect(it.broker.packets).toEqual(['SUB a:1+noLocal', 'SUB a:1+retainAsPublished', 'SUB a:1']);
    expect(it.told.filter((fact) => fact === 'filter.granted a 1')).toHaveLength(3);
    expect(it.wanted['a']).toEqual({ qos: 1, options: {}, references: 3, grantedQos: 1 });
  });

  test('each of the three, when it changes, is asked again; what says nothing means the default', async () => {
    const changes: [SubscriptionOptions, SubscriptionOptions, boolean][] = [
      [{}, { noLocal: false, retainAsPublished: false, retainHandling: 0 }, false],
      [{ noLocal: true }, { noLocal: true }, false],
      [{}, { noLocal: true }, true],
      [{ retainAsPublished: true }, {}, true],
      [{ retainHandling: 1 }, { retainHandling: 2 }, true],
      [{ retainHandling: 0 }, { retainHandling: 1 }, true],
    ];
    for (const [first, second, isAskedAgain] of changes) {
      const it = run();
      it.begin();
      it.subscribe('a', 1, first);
      await it.broker.last.answer();
      it.subscribe('a', 1, second);
      expect(it.broker.asked, JSON.stringify([first, second])).toHaveLength(isAskedAgain ? 2 : 1);
    }
  });

  test('changed while the SUBSCRIBE is out: only the second answer counts, also a refusal', async () => {
    const it = run();
    it.begin();
    it.subscribe('a', 1);
    it.subscribe('a', 1, { noLocal: true });
    await it.broker.last.answer([refuse('a')]);
    expect(it.told).toEqual(['subscriptions.settled']);
    await it.broker.last.answer();
    expect(it.told.slice(1)).toEqual(['filter.granted a 1', 'subscriptions.settled']);
    expect(it.broker.packets).toEqual(['SUB a:1', 'SUB a:1+noLocal']);
  });

  test('changed offline: a session that the broker kept is asked again all the same', async () => {
    const it = run();
    it.begin();
    it.subscribe('a', 1);
    await it.broker.last.answer();
    it.end();
    it.subscribe('a', 1, { noLocal: true });
    it.begin(true);
    expect(it.broker.packets).toEqual(['SUB a:1', 'SUB a:1+noLocal']);
  });
});

describe('a filter over which the broker closes the line', () => {
  test('is wanted by nobody any more, however many held it, and is not asked for again', async () => {
    const it = run();
    for (const filter of ['a', 'bad', 'bad']) it.subscribe(filter);
    it.begin();
    it.poison('bad');
    expect(it.facts).toMatchObject([
      { type: 'filter.refused', filter: 'bad', error: { code: 'POISON_SUBSCRIPTION' } },
    ]);
    it.end();
    it.begin();
    expect(it.broker.packets).toEqual(['SUB a:0 bad:0', 'SUB a:0']);
    await it.broker.last.answer();
    expect(it.told.at(-1)).toBe('subscriptions.settled');
  });

  test('that was granted all the same meanwhile is told refused, and nothing else', async () => {
    const it = run();
    it.begin();
    it.subscribe('bad');
    it.poison('bad');
    await it.broker.last.answer();
    expect(it.told.slice(1)).toEqual(['filter.refused bad', 'subscriptions.settled']);
  });

  test('may be asked for anew: then it begins anew', () => {
    const it = run();
    it.subscribe('bad');
    it.poison('bad');
    it.poison('bad');
    expect(it.told).toEqual(['filter.refused bad']);
    it.subscribe('bad');
    expect(it.wanted['bad']).toMatchObject({ references: 1 });
  });
});

describe('a session in which it has to be found out which filter closes the line', () => {
  test('asks for no more filters at a time than it was told, and the next one for 8 again', async () => {
    const it = run();
    for (let n = 0; n < 10; n++) it.subscribe(`f${n}`);
    it.begin(false, 4);
    for (let n = 0; n < 3; n++) await it.broker.last.answer();
    expect(it.broker.asked.map(({ requests }) => requests.length)).toEqual([4, 4, 2]);
    it.end();
    it.begin();
    expect(it.broker.last.requests).toHaveLength(8);
  });

  test('an UNSUBSCRIBE may have 8 all the same', async () => {
    const it = run();
    for (let n = 0; n < 8; n++) it.subscribe(`f${n}`);
    it.begin();
    await it.broker.last.answer();
    it.end();
    for (let n = 0; n < 8; n++) it.unsubscribe(`f${n}`);
    it.begin(true, 1);
    expect(it.broker.packets.at(-1)?.split(' ')).toHaveLength(9);
  });
});

describe('unsubscribing', () => {
  test('py:S2 of two filters the other one stays, with its QoS', async () => {
    const it = run();
    it.broker.answersAtOnce = true;
    it.begin();
    it.subscribe('t1', 1);
    it.subscribe('t2', 0);
    await settled(() => it.unsubscribe('t1'));
    await settled(() => {});
    await settled(() => {});
    expect(Object.keys(it.wanted)).toEqual(['t2']);
    expect(it.wanted['t2']).toMatchObject({ qos: 0, references: 1, grantedQos: 0 });
    expect(it.broker.packets).toContain('UNSUB t1');
    expect(it.told).toContain('filter.released t1');
  });

  test('while the SUBSCRIBE is out: is asked for after its answer, and told released and never granted', async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    it.unsubscribe('a');
    await it.broker.last.answer();
    await it.broker.last.answer();
    expect(it.broker.packets).toEqual(['SUB a:0', 'UNSUB a']);
    expect(it.told.slice(1)).toEqual(['filter.released a', 'subscriptions.settled']);
  });

  test('subscribing again while the UNSUBSCRIBE is out: is asked for again after its answer', async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    await it.broker.last.answer();
    it.unsubscribe('a');
    it.subscribe('a', 1);
    await it.broker.last.answer();
    await it.broker.last.answer();
    expect(it.broker.packets).toEqual(['SUB a:0', 'UNSUB a', 'SUB a:1']);
    expect(it.told.slice(-2)).toEqual(['filter.granted a 1', 'subscriptions.settled']);
    expect(it.wanted).toEqual({ a: { qos: 1, options: {}, references: 1, grantedQos: 1 } });
  });

  test("changing one's mind twice while the SUBSCRIBE is out", async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    it.unsubscribe('a');
    it.subscribe('a');
    await it.broker.last.answer();
    expect(it.broker.packets).toEqual(['SUB a:0']);
    expect(it.told.slice(1)).toEqual(['filter.granted a 0', 'subscriptions.settled']);
  });

  test('fault:B-7 no UNSUBACK in time: the line is called sick, and it is asked for again', async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    await it.broker.last.answer();
    it.unsubscribe('a');
    it.clock.advance(5_050);
    expect(it.told.at(-1)).toBe('subscriptions.unanswered');
    it.end();
    it.begin(true);
    expect(it.broker.packets).toEqual(['SUB a:0', 'UNSUB a', 'UNSUB a']);
  });

  test('many are UNSUBSCRIBEs of 8', async () => {
    const it = run();
    it.broker.answersAtOnce = true;
    for (let n = 0; n < 20; n++) it.subscribe(`f${n}`);
    it.begin();
    await drained();
    it.end();
    for (let n = 0; n < 20; n++) it.unsubscribe(`f${n}`);
    it.begin(true);
    await drained();
    expect(it.broker.packets.slice(3).map((packet) => packet.split(' ').length - 1)).toEqual([8, 8, 4]);
  });

  test('fault:G-6 what nobody holds is nothing: no packet, no fault', () => {
    const it = run();
    it.begin();
    it.unsubscribe('never wanted');
    expect(it.broker.asked).toEqual([]);
    expect(it.actor.getSnapshot().status).toBe('active');
    expect(it.actor.getSnapshot().context.unwanted.size).toBe(0);
  });
});

describe('sessions', () => {
  test('py:S9 after an end and a beginning all are asked for again, in the order in which they were wanted', async () => {
    const it = run();
    it.begin();
    it.subscribe('b');
    await it.broker.last.answer();
    it.subscribe('a', 1);
    await it.broker.last.answer();
    it.end();
    it.begin();
    expect(it.broker.packets.at(-1)).toBe('SUB b:0 a:1');
  });

  test('a session that the broker kept is not asked for again, and its grants are told', async () => {
    const it = run();
    it.begin();
    it.subscribe('a', 1);
    await it.broker.last.answer();
    it.end();
    it.subscribe('a');
    it.subscribe('b');
    expect(it.told.filter((fact) => fact.startsWith('filter.granted'))).toHaveLength(1);
    it.begin(true);
    expect(it.told.at(-1)).toBe('filter.granted a 1');
    expect(it.broker.packets).toEqual(['SUB a:1', 'SUB b:0']);
  });

  test('offline nothing is granted, also not what was granted before', async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    await it.broker.last.answer();
    it.end();
    const before = it.told.length;
    it.subscribe('a');
    expect(it.told).toHaveLength(before);
  });

  test('py:S11 unsubscribed offline: never asked for again, and with a kept session unsubscribed', async () => {
    for (const kept of [true, false]) {
      const it = run();
      it.begin();
      it.subscribe('A');
      await it.broker.last.answer();
      it.end();
      it.unsubscribe('A');
      it.subscribe('B');
      it.begin(kept);
      it.broker.answersAtOnce = true;
      await it.broker.last.answer();
      await drained();
      expect(it.broker.packets.slice(1)).toEqual(kept ? ['UNSUB A', 'SUB B:0'] : ['SUB B:0']);
      expect(it.told.filter((fact) => fact === 'filter.released A')).toHaveLength(1);
    }
  });

  test('an answer of a session that has ended means nothing to the next one', async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    const old = it.broker.last;
    it.end();
    it.begin();
    await old.answer();
    expect(it.place).toBe('online.subscribing.waiting');
    expect(it.told).toEqual(['subscriptions.settled']);
    await it.broker.last.answer();
    expect(it.told.slice(1)).toEqual(['filter.granted a 0', 'subscriptions.settled']);
  });

  test('a new session without the end of the old one begins anew', async () => {
    const it = run();
    it.begin();
    it.subscribe('a');
    it.begin();
    expect(it.broker.packets).toEqual(['SUB a:0', 'SUB a:0']);
    await it.broker.last.answer();
    expect(it.place).toBe('online.settled');
  });

  test('wishes made in every state are kept', async () => {
    const it = run();
    it.subscribe('offline');
    it.begin();
    it.subscribe('subscribing');
    await it.broker.last.answer();
    await it.broker.last.answer();
    it.unsubscribe('offline');
    it.subscribe('unsubscribing');
    await it.broker.last.answer();
    it.clock.advance(5_050);
    expect(it.place).toBe('online.unanswered');
    it.subscribe('unanswered');
    expect(Object.keys(it.wanted)).toEqual(['subscribing', 'unsubscribing', 'unanswered']);
  });
});

test('1,000 filters are asked for in 125 SUBSCRIBEs', async () => {
  const it = run();
  it.broker.answersAtOnce = true;
  for (let n = 0; n < 1_000; n++) it.subscribe(`f${n}`);
  it.begin();
  while (it.place !== 'online.settled') await drained();
  expect(it.broker.asked).toHaveLength(125);
});

async function drained(turns = 100): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await Promise.resolve();
}

function boom(): never {
  throw new Error('boom');
}
