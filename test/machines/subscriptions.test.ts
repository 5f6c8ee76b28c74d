import { afterEach, describe, expect, test } from 'vitest';
import { createActor, type EventObject, fromTransition } from 'xstate';
import {
  Handle,
  type SubscriptionsContext,
  type SubscriptionsFact,
  type SubscriptionsPorts,
  subscriptionsMachine,
} from '../../src/machines/index.ts';
import type { FilterRequest, QoS } from '../../src/protocol/message.ts';
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
    return this.#ask(`SUB ${requests.map(({ filter, qos }) => `${filter}:${qos}`).join(' ')}`, requests);
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
    subscribe: (filter: string, qos: QoS = 0) => actor.send({ type: 'subscribe', filter, qos }),
    unsubscribe: (filter: string) => actor.send({ type: 'unsubscribe', filter }),
    begin: (sessionPresent = false) => actor.send({ type: 'session.started', sessionPresent }),
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
  const late = (state: string) => event(`xstate.after.answerTimeout.subscriptions.online.${state}`);

  const PLACES = {
    offline: [],
    'online.settled': [begun],
    'online.subscribing': [begun, subscribe],
    'online.settled, granted': [begun, subscribe, granted],
    'online.unsubscribing': [begun, subscribe, granted, unsubscribe],
    'online.unanswered': [begun, subscribe, failure],
    'offline, granted': [begun, subscribe, granted, ended],
  };
  const ASKS = ['timer answerTimeout 5000', 'start subscriber'];
  const ASKS_TO_END = ['timer answerTimeout 5000', 'start unsubscriber'];
  const SETTLED = 'emit subscriptions.settled';
  const UNANSWERED = 'emit subscriptions.unanswered';

  test.each([
    ['offline', subscribe, 'offline', []],
    ['offline', unsubscribe, 'offline', []],
    ['offline', begun, 'online.settled', [SETTLED]],
    ['offline', ended, 'offline', []],
    ['offline', granted, 'offline', []],
    ['offline', released, 'offline', []],
    ['offline', failure, 'offline', []],
    ['offline, granted', subscribe, 'offline', []],
    ['offline, granted', begun, 'online.subscribing', ASKS],
    ['offline, granted', kept, 'online.settled', ['emit filter.granted', SETTLED]],
    ['online.settled', subscribe, 'online.subscribing', ASKS],
    ['online.settled', unsubscribe, 'online.settled', [SETTLED]],
    ['online.settled', granted, 'online.settled', []],
    ['online.settled, granted', subscribe, 'online.settled', ['emit filter.granted', SETTLED]],
    ['online.settled, granted', unsubscribe, 'online.unsubscribing', ASKS_TO_END],
    ['online.subscribing', granted, 'online.settled', ['emit filter.granted', 'stop subscriber', SETTLED]],
    ['online.subscribing', refused, 'online.settled', ['emit filter.refused', 'stop subscriber', SETTLED]],
    ['online.subscribing', subscribe, 'online.subscribing', []],
    ['online.subscribing', unsubscribe, 'online.subscribing', []],
    ['online.subscribing', released, 'online.subscribing', []],
    ['online.subscribing', failure, 'online.unanswered', ['stop subscriber', UNANSWERED]],
    ['online.subscribing', late('subscribing'), 'online.unanswered', ['stop subscriber', UNANSWERED]],
    ['online.subscribing', ended, 'offline', ['stop subscriber']],
    ['online.subscribing', begun, 'online.subscribing', ['stop subscriber', ...ASKS]],
    [
      'online.unsubscribing',
      released,
      'online.settled',
      ['emit filter.released', 'stop unsubscriber', SETTLED],
    ],
    ['online.unsubscribing', granted, 'online.unsubscribing', []],
    ['online.unsubscribing', failure, 'online.unanswered', ['stop unsubscriber', UNANSWERED]],
    ['online.unsubscribing', late('unsubscribing'), 'online.unanswered', ['stop unsubscriber', UNANSWERED]],
    ['online.unsubscribing', ended, 'offline', ['stop unsubscriber']],
    ['online.unsubscribing', begun, 'online.settled', ['emit filter.released', 'stop unsubscriber', SETTLED]],
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
      const few = [...wanted.values()].reduce((sum, { references }) => sum + references, 0) < 3;
      return [
        ...(few
          ? [
              { type: 'subscribe', filter: 'a', qos: 0 },
              { type: 'subscribe', filter: 'a', qos: 1 },
              { type: 'subscribe', filter: 'b', qos: 0 },
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
  const effectsOf = ({ from, event }: Edge) => step(from, event).effects;

  test('are claimed of all there is', () => {
    expect([...new Set(states.map(placeOf))].sort()).toEqual([
      'offline',
      'online.settled',
      'online.subscribing',
      'online.unanswered',
      'online.unsubscribing',
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

  test('references count: one more by subscribe, one fewer by unsubscribe, none by anything but a refusal', () => {
    const sum = (context: unknown) =>
      [...inContext(context).wanted.values()].reduce((n, { references }) => n + references, 0);
    for (const edge of edges) {
      const change = sum(edge.to.context) - sum(edge.from.context);
      const { filter } = edge.event as EventObject & { filter?: string };
      if (edge.event.type === 'subscribe') expect(change, show(edge)).toBe(1);
      else if (edge.event.type === 'unsubscribe') {
        expect(change, show(edge)).toBe(inContext(edge.from.context).wanted.has(filter ?? '') ? -1 : 0);
      } else if (edge.event.type !== 'broker.answered') expect(change, show(edge)).toBe(0);
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
    const timed = new Set(
      edges.filter(({ event }) => event.type.includes('answerTimeout')).map(({ from }) => from),
    );
    for (const state of states) {
      const asks = /subscribing/.test(placeOf(state));
      expect(timed.has(state)).toBe(asks);
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
    expect(it.place).toBe('online.subscribing');
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
    expect(it.wanted).toEqual({ a: { qos: 1, references: 1, grantedQos: 1 } });
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
    it.clock.advance(5_000);
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
    expect(it.place).toBe('online.subscribing');
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
    it.clock.advance(5_000);
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
