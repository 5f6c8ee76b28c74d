import { afterEach, describe, expect, test } from 'vitest';
import { createActor, fromTransition } from 'xstate';
import {
  type DrainPolicy,
  Handle,
  type OfflineQueueFact,
  type OfflineQueuePorts,
  offlineQueueMachine,
} from '../../src/machines/index.ts';
import type { Flow, FlowPort } from '../../src/protocol/flow.ts';
import { adjacencyOf } from '../../src/testing/adjacency.ts';
import { machineModel } from '../../src/testing/machine-model.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { pure } from './pure.ts';
import { error, placeOf } from './support.ts';

/** An outbox with nothing but the numbers that the machine may see, and the times of what it let go. */
class FakeOutbox implements FlowPort {
  readonly flows: Flow[] = [];
  readonly sent: { readonly id: string; readonly at: number }[] = [];
  waiting: string[] = [];
  joined = 0;
  /** Called inside of `setFlow`. */
  onFlow: (flow: Flow) => void = () => {};
  onRelease: () => void = () => {};
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  get flow(): Flow {
    return this.flows.at(-1) ?? 'closed';
  }

  get backlog(): number {
    return this.waiting.length;
  }

  add(...ids: string[]): void {
    for (const id of ids) {
      if (this.flow === 'free') {
        this.sent.push({ id, at: this.#now() });
        continue;
      }
      this.waiting.push(id);
      this.joined += 1;
    }
  }

  setFlow(flow: Flow): void {
    this.flows.push(flow);
    this.onFlow(flow);
    if (flow === 'free') this.release(this.waiting.length);
  }

  release(count: number): void {
    this.onRelease();
    for (const id of this.waiting.splice(0, count)) this.sent.push({ id, at: this.#now() });
  }
}

function runQueue(drain?: Partial<DrainPolicy>) {
  const clock = new SimulatedClock();
  const outbox = new FakeOutbox(() => clock.now());
  const facts: OfflineQueueFact[] = [];
  const listener = createActor(
    fromTransition((_, fact: OfflineQueueFact) => {
      facts.push(fact);
      return undefined;
    }, undefined),
  ).start();
  const ports = new Handle<OfflineQueuePorts>({ outbox });
  const actor = createActor(offlineQueueMachine, {
    clock,
    input: { ports, parent: listener, ...(drain && { drain }) },
  }).start();
  return {
    actor,
    clock,
    outbox,
    get place() {
      return placeOf(actor.getSnapshot());
    },
    facts,
    get told() {
      return facts.map(({ type }) => type);
    },
    drain: () => actor.send({ type: 'drain' }),
    hold: () => actor.send({ type: 'hold' }),
    stop: () => {
      actor.stop();
      listener.stop();
    },
  };
}

const runs: ReturnType<typeof runQueue>[] = [];
const run = (drain?: Partial<DrainPolicy>) => {
  const it = runQueue(drain);
  runs.push(it);
  return it;
};

// Whatever a test did: with its machine gone the flow is closed, and no timer is left.
afterEach(() => {
  for (const it of runs.splice(0)) {
    it.outbox.onFlow = () => {};
    it.stop();
    expect({ flow: it.outbox.flow, timers: it.clock.pending }).toEqual({ flow: 'closed', timers: 0 });
  }
});

const ids = (count: number, prefix = 'm') =>
  Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`);

describe('one step', () => {
  const input = { ports: new Handle({ outbox: new FakeOutbox(() => 0) }) };
  const { start, step, afterEvents } = pure(offlineQueueMachine, input);
  const unpaced = pure(offlineQueueMachine, { ...input, drain: { perSecond: Number.POSITIVE_INFINITY } });
  const DRAINING = [{ type: 'drain' }];
  const OPEN = [...DRAINING, { type: 'backlog.finished' }];
  const failure = { type: 'flow.failed', error: error('INTERNAL') };
  const beat = { type: 'xstate.after.beat.offlineQueue.draining.betweenBeats' };
  const slower = { type: 'pace', drain: { perSecond: 1, adaptive: true } };
  const free = { type: 'pace', drain: { perSecond: Number.POSITIVE_INFINITY, adaptive: true } };
  const NAMED = { buffering: [], 'draining.betweenBeats': DRAINING, open: OPEN };

  test.each([
    ['buffering', { type: 'drain' }, 'draining.betweenBeats', ['start pacing', 'timer beat 500']],
    ['buffering', { type: 'hold' }, 'buffering', []],
    ['buffering', { type: 'backlog.finished' }, 'buffering', []],
    ['buffering', { type: 'flow.freed' }, 'buffering', []],
    ['buffering', failure, 'buffering', ['emit queue.failed']],
    ['buffering', slower, 'buffering', []],
    [
      'draining.betweenBeats',
      slower,
      'draining.betweenBeats',
      ['stop pacing', 'start pacing', 'timer beat 1000'],
    ],
    ['draining.betweenBeats', free, 'open', ['stop pacing', 'start freeFlow']],
    ['open', slower, 'open', []],
    ['buffering', { type: 'backlog.recovered' }, 'buffering', []],
    [
      'draining.betweenBeats',
      { type: 'backlog.recovered' },
      'draining.betweenBeats',
      ['stop pacing', 'start pacing', 'timer beat 500'],
    ],
    [
      'open',
      { type: 'backlog.recovered' },
      'draining.betweenBeats',
      ['stop freeFlow', 'start pacing', 'timer beat 500'],
    ],
    ['draining.betweenBeats', { type: 'hold' }, 'buffering', ['stop pacing']],
    ['draining.betweenBeats', { type: 'drain' }, 'draining.betweenBeats', []],
    ['draining.betweenBeats', beat, 'draining.betweenBeats', ['tell pacing beat', 'timer beat 500']],
    ['draining.betweenBeats', { type: 'backlog.finished' }, 'open', ['stop pacing', 'start freeFlow']],
    ['draining.betweenBeats', { type: 'backlog.endless' }, 'draining.betweenBeats', ['emit queue.endless']],
    ['draining.betweenBeats', { type: 'flow.freed' }, 'draining.betweenBeats', []],
    ['draining.betweenBeats', failure, 'buffering', ['stop pacing', 'emit queue.failed']],
    ['open', { type: 'flow.freed' }, 'open', ['emit queue.drained']],
    ['open', { type: 'hold' }, 'buffering', ['stop freeFlow']],
    ['open', { type: 'drain' }, 'open', []],
    ['open', { type: 'backlog.finished' }, 'open', []],
    ['open', failure, 'buffering', ['stop freeFlow', 'emit queue.failed']],
  ] as const)('%s, %o', (from, event, to, effects) => {
    const reached = step(afterEvents(NAMED[from]).snapshot, event);
    expect(reached).toMatchObject({ place: to, effects });
  });

  test('begins closed', () => {
    expect(start()).toMatchObject({ place: 'buffering', effects: [] });
  });

  test('a new pace holds from the next drain on too', () => {
    const { snapshot } = afterEvents([slower, { type: 'drain' }]);
    expect(snapshot.context.drain).toEqual(slower.drain);
    expect(afterEvents([free, { type: 'drain' }])).toMatchObject({ place: 'open' });
  });

  test('without a pace, what is recovered late goes at once too', () => {
    const reached = unpaced.step(unpaced.afterEvents(OPEN).snapshot, { type: 'backlog.recovered' });
    expect(reached).toMatchObject({ place: 'open', effects: [] });
  });

  test('without a pace, draining is skipped', () => {
    expect(unpaced.afterEvents(DRAINING)).toMatchObject({ place: 'open', effects: ['start freeFlow'] });
  });
});

describe('invariants', () => {
  const model = machineModel(offlineQueueMachine, {
    input: { ports: new Handle({ outbox: new FakeOutbox(() => 0) }) },
    events: [
      { type: 'pace', drain: { perSecond: 2, adaptive: true } },
      { type: 'flow.failed', error: error('INTERNAL') },
      { type: 'xstate.error.actor.pacing', error: new Error('test') },
      { type: 'xstate.error.actor.freeFlow', error: new Error('test') },
    ],
  });
  const { states, edges, reachable } = adjacencyOf(model);

  test('are claimed of all there is', () => {
    expect(states.map(placeOf).sort()).toEqual(['buffering', 'draining.betweenBeats', 'open']);
    expect(edges).toHaveLength(17);
  });

  test('the flow is paced exactly while it drains, free exactly while it is open', () => {
    for (const state of states) {
      expect('pacing' in state.children).toBe(state.matches('draining'));
      expect('freeFlow' in state.children).toBe(state.matches('open'));
    }
  });

  test('hold closes from everywhere, and without a drain nothing opens again', () => {
    const held = edges.filter(({ event }) => event.type === 'hold').map(({ to }) => to);
    expect(reachable(held, ({ event }) => event.type !== 'drain').map(placeOf)).toEqual(['buffering']);
  });

  test('a fault closes from everywhere', () => {
    for (const { event, to } of edges) {
      if (/failed|xstate.error/.test(event.type)) expect(placeOf(to)).toBe('buffering');
    }
  });

  test('open is reached from everywhere by a drain and nothing but beats', () => {
    for (const state of states) {
      const later = reachable([state], ({ event }) => /drain|backlog.finished/.test(event.type));
      expect(later.some((one) => one.matches('open'))).toBe(true);
    }
  });
});

describe('draining', () => {
  test('py:D1 an empty queue is drained at once', () => {
    const it = run();
    it.drain();
    expect(it.place).toBe('open');
    expect(it.told).toEqual(['queue.drained']);
    expect(it.outbox.flows).toEqual(['paced', 'closed', 'free']);
  });

  test('py:D5 five at 10 a second: at 0, 100, 200, 300, 400 ms; drained at 500 ms', () => {
    const it = run({ perSecond: 10 });
    it.outbox.add(...ids(5));
    it.drain();
    it.clock.advance(499);
    expect(it.outbox.sent.map(({ at }) => at)).toEqual([0, 100, 200, 300, 400]);
    expect(it.told).toEqual([]);
    it.clock.advance(1);
    expect(it.told).toEqual(['queue.drained']);
  });

  test.each([
    [100, 100, [1, 1, 1, 1]],
    [150, 150, [1, 2, 1, 2]],
    [110, 110, [1, 1, 1, 1]],
    [1_000, 1_000, [10, 10, 10, 10]],
    [12_345.6, 12_345, [123, 123, 124, 123]],
  ])('%d a second: %d in each second, a beat each 10 ms at the most', (perSecond, inOne, first) => {
    const it = run({ perSecond });
    it.outbox.add(...ids(3 * inOne + 10));
    it.drain();
    it.clock.advance(995);
    expect(it.outbox.sent).toHaveLength(inOne);
    const at = it.outbox.sent.map((one) => one.at);
    expect([0, 10, 20, 30].map((ms) => at.filter((one) => one === ms).length)).toEqual(first);
    it.clock.advance(2_000);
    expect(it.outbox.sent).toHaveLength(Math.floor(3 * perSecond));
    it.clock.advance(1_000);
    expect(it.told).toEqual(['queue.drained']);
  });

  test('several at a beat: adaptive also lets go as many as joined, and ends', () => {
    const it = run({ perSecond: 1_000 });
    it.outbox.add(...ids(2_000, 'old'));
    it.drain();
    expect(untilDrained(it, 5_000, 60_000)).toBe(2_000);
    expect(it.told).toEqual(['queue.drained']);
  });

  test('several at a beat, not adaptive and slower than what joins: is reported once as many as there were are gone', () => {
    const it = run({ adaptive: false, perSecond: 1_000 });
    it.outbox.add(...ids(500));
    it.drain();
    untilDrained(it, 1_100, 499);
    expect(it.told).toEqual([]);
    untilDrained(it, 1_100, 10_000);
    expect(it.told).toEqual(['queue.endless']);
  });

  test('the greatest pace that is a number lets all go at its first beat', () => {
    const it = run({ perSecond: Number.MAX_VALUE });
    it.outbox.add(...ids(1_000));
    it.drain();
    expect(it.outbox.sent).toHaveLength(1_000);
    it.outbox.add('later');
    it.clock.advance(20);
    expect(it.told).toEqual(['queue.drained']);
  });

  test('py:D9 what joins meanwhile goes last, in its order', () => {
    const it = run({ perSecond: 10 });
    it.outbox.add('a', 'b', 'c');
    it.drain();
    it.clock.advance(50);
    it.outbox.add('d');
    it.clock.advance(100);
    it.outbox.add('e');
    it.clock.advance(1_000);
    expect(it.outbox.sent.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test.each([0, 1, 2, 3, 10, 100])('20 at 2 a second take 10 s while %d a second join', (arrivals) => {
    const it = run();
    it.outbox.add(...ids(20, 'old'));
    it.drain();
    const lasts = untilDrained(it, arrivals, 60_000);
    expect(lasts).toBe(10_000);
    const olds = it.outbox.sent.filter(({ id }) => id.startsWith('old')).map(({ at }) => at);
    // Never faster than asked, for what had waited.
    for (let n = 1; n < olds.length; n++)
      expect((olds[n] ?? 0) - (olds[n - 1] ?? 0)).toBeGreaterThanOrEqual(0);
    expect(it.told).toEqual(['queue.drained']);
  });

  test('py:D10 not adaptive and slower than what joins: it never ends, and is reported once', () => {
    const it = run({ adaptive: false });
    it.outbox.add(...ids(5));
    it.drain();
    expect(untilDrained(it, 3, 60_000)).toBe(Number.POSITIVE_INFINITY);
    expect(it.told).toEqual(['queue.endless']);
  });

  test('not adaptive and swamped only later: is reported then', () => {
    const it = run({ adaptive: false });
    it.outbox.add(...ids(5));
    it.drain();
    untilDrained(it, 1.5, 4_000);
    expect(it.told).toEqual([]);
    untilDrained(it, 20, 10_000);
    expect(it.told).toEqual(['queue.endless']);
  });

  test('not adaptive and faster than what joins: it ends', () => {
    const it = run({ adaptive: false, perSecond: 4 });
    it.outbox.add(...ids(5));
    it.drain();
    expect(untilDrained(it, 1, 60_000)).toBeLessThan(5_000);
    expect(it.told).toEqual(['queue.drained']);
  });

  test('py:D13 py:D15 held in the middle, the rest stays, in order, for the next drain', () => {
    const it = run({ perSecond: 10 });
    it.outbox.add(...ids(5));
    it.drain();
    it.clock.advance(150);
    it.hold();
    it.clock.advance(60_000);
    expect(it.place).toBe('buffering');
    expect(it.outbox.waiting).toEqual(['m3', 'm4', 'm5']);
    it.drain();
    it.clock.advance(1_000);
    expect(it.outbox.sent.map(({ id }) => id)).toEqual(ids(5));
    expect(it.told).toEqual(['queue.drained']);
  });

  test('py:D14 a second drain before the first has ended is no second drain', () => {
    const it = run({ perSecond: 10 });
    it.outbox.add(...ids(5));
    it.drain();
    it.clock.advance(150);
    it.drain();
    it.hold();
    it.drain();
    it.clock.advance(1_000);
    const at = it.outbox.sent.map((one) => one.at);
    expect(at).toEqual([0, 100, 150, 250, 350]);
  });

  test('without a pace all goes at once', () => {
    const it = run({ perSecond: Number.POSITIVE_INFINITY });
    it.outbox.add(...ids(1_000));
    it.drain();
    expect(it.outbox.sent).toHaveLength(1_000);
    expect(it.told).toEqual(['queue.drained']);
  });

  test('when the drain is told, the flow is free: whoever hears it can publish at once', () => {
    for (const perSecond of [2, Number.POSITIVE_INFINITY]) {
      const it = run({ perSecond });
      it.actor.on('queue.drained', () => it.outbox.add('at once'));
      it.drain();
      expect(it.outbox.sent).toEqual([{ id: 'at once', at: 0 }]);
    }
  });

  test('a hold that comes in the midst of a beat is obeyed', () => {
    const it = run();
    it.outbox.add(...ids(5));
    it.outbox.onRelease = it.hold;
    it.drain();
    expect(it.place).toBe('buffering');
    expect(it.outbox.flow).toBe('closed');
    it.clock.advance(10_000);
    expect(it.outbox.sent).toHaveLength(1);
  });

  test('a hold that comes while it opens is obeyed', () => {
    const it = run();
    it.outbox.onFlow = (flow) => flow === 'free' && it.hold();
    it.drain();
    expect(it.place).toBe('buffering');
    expect(it.outbox.flow).toBe('closed');
  });

  test('a pace that no timer could keep does not become the fastest one', () => {
    for (const perSecond of [0, 1e-9, Number.NaN]) {
      const it = run({ perSecond });
      it.outbox.add(...ids(5));
      it.drain();
      it.clock.advance(3_600_000);
      expect(it.outbox.sent).toHaveLength(1);
    }
  });
});

describe('an outbox that throws', () => {
  const boom = () => {
    throw new Error('boom');
  };

  test.each(['paced', 'free'] as const)(
    'when it is to be %s: the flow is closed, and the fault told',
    (bad) => {
      const it = run();
      it.outbox.add('m');
      it.outbox.onFlow = (flow) => flow === bad && boom();
      it.drain();
      it.clock.advance(10_000);
      expect([it.place, it.outbox.flow]).toEqual(['buffering', 'closed']);
      expect(it.facts).toMatchObject([{ type: 'queue.failed', error: { code: 'INTERNAL' } }]);
      it.outbox.onFlow = () => {};
      it.drain();
      it.clock.advance(10_000);
      expect(it.place).toBe('open');
    },
  );

  test('at the first beat: the flow is closed, and the fault told', () => {
    const it = run();
    it.outbox.add(...ids(5));
    it.outbox.onRelease = boom;
    it.drain();
    expect([it.place, it.outbox.flow]).toEqual(['buffering', 'closed']);
    expect(it.told).toEqual(['queue.failed']);
  });

  test('at a later beat: the flow is closed, and the fault told', () => {
    const it = run();
    it.outbox.add(...ids(5));
    it.drain();
    it.outbox.onRelease = boom;
    it.clock.advance(500);
    expect(it.place).toBe('buffering');
    expect(it.outbox.flow).toBe('closed');
    expect(it.told).toEqual(['queue.failed']);
  });

  test('when it is to be closed: the machine goes on, and tells the fault', () => {
    const it = run();
    it.drain();
    it.outbox.onFlow = boom;
    it.hold();
    expect(it.place).toBe('buffering');
    expect(it.told).toEqual(['queue.drained', 'queue.failed']);
    expect(it.actor.getSnapshot().status).toBe('active');
  });
});

/** Adds `arrivals` messages a second, evenly, until the drain is told; gives when that was, counted from now. */
function untilDrained(it: ReturnType<typeof runQueue>, arrivals: number, limitMs: number): number {
  const began = it.clock.now();
  const told = it.facts.length;
  let added = 0;
  for (let ms = 1; ms <= limitMs; ms++) {
    while (added < Math.floor((arrivals * (ms - 0.5)) / 1_000)) it.outbox.add(`new${added++}`);
    it.clock.advance(1);
    const last = it.facts.slice(told).at(-1);
    if (last?.type === 'queue.drained') return it.clock.now() - began;
  }
  return Number.POSITIVE_INFINITY;
}
