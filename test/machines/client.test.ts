import { afterEach, describe, expect, test } from 'vitest';
import { checkHistory, cleanHistory } from '../../src/testing/history-checker.ts';
import { ClientWorld, type ClientWorldOptions } from './client-world.ts';
import { error } from './support.ts';

const worlds: ClientWorld[] = [];
const open = (options?: ClientWorldOptions): ClientWorld => {
  const world = new ClientWorld(options);
  worlds.push(world);
  return world;
};

afterEach(() => {
  for (const world of worlds.splice(0)) {
    world.actor.stop();
    expect(world.openLines).toBe(0);
    expect(world.errors).toEqual([]);
  }
});

const LIVE = /up.live/;

describe('the composed client', () => {
  test('comes up in this order: connected, usable, granted, settled, resubscribed, drained, live', async () => {
    const world = open();
    world.actor.send({ type: 'filter.wanted', filter: 'a', qos: 1 });
    world.publish();
    world.connect();
    await world.advance(2_000);
    expect(world.told).toEqual([
      'connection.ended',
      'connection.connected',
      'connection.usable',
      'filter.granted',
      'subscriptions.settled',
      'connection.resubscribed',
      'queue.drained',
      'connection.live',
    ]);
    expect(world.connection).toMatch(LIVE);
    expect(world.queue).toBe('open');
  });

  test('py:D7 nothing that waits is sent before the filters are granted', async () => {
    const world = open();
    world.answers = false;
    world.actor.send({ type: 'filter.wanted', filter: 'a', qos: 1 });
    world.publish();
    world.connect();
    await world.advance(4_000);
    expect(world.connection).toMatch(/resubscribing/);
    expect(world.history.map(({ op }) => op)).toEqual(['accepted', 'queued']);
    // An answer that does not come makes the line sick.
    await world.advance(2_000);
    expect(world.told).toContain('connection.lost');
  });

  test('a cut: told in order, the flow closed, the filters forgotten, and back again', async () => {
    const world = open();
    world.actor.send({ type: 'filter.wanted', filter: 'a', qos: 1 });
    world.connect();
    await world.advance(1_000);
    const before = world.told.length;
    world.cut();
    expect(world.told.slice(before)).toEqual(['connection.disconnected', 'connection.lost']);
    expect(world.queue).toBe('buffering');
    expect(world.subscriptions).toBe('offline');
    await world.advance(1_500);
    expect(world.connection).toMatch(LIVE);
    expect(world.granted).toEqual(new Map([['a', 1]]));
    expect(world.lines).toHaveLength(2);
  });

  test('a line under inquiry: quiet, then few filters at a time, then its suspects one by one, then all', async () => {
    const world = open({ input: { drain: { perSecond: Number.POSITIVE_INFINITY } } });
    for (let n = 0; n < 5; n++) world.actor.send({ type: 'filter.wanted', filter: `f${n}`, qos: 1 });
    world.connect();
    await world.advance(2_000);
    world.answers = false;
    for (let n = 0; n < 2; n++) world.publish();
    world.cut();
    world.publish();
    world.answers = true;
    world.caution = { quietMs: 5_000, filtersPerSubscribe: 2 };
    const before = { asked: world.asked.length, lines: world.history.length };
    await world.advance(1_010 + 4_999);
    expect(world.connection).toMatch(/up.quiet/);
    expect(world.subscriptions).toBe('offline');
    expect(world.history).toHaveLength(before.lines);
    await world.advance(61);
    expect(world.asked.slice(before.asked)).toEqual([2, 2, 1]);
    await world.advance(1_000);
    expect(world.connection).toMatch(LIVE);
    const since = world.history.slice(before.lines).filter(({ op }) => op !== 'delivered');
    const alone = (id: number) => [`written ${id}`, `received ${id}`, `acknowledged ${id}`];
    expect(since.map(({ op, id }) => `${op} ${id}`)).toEqual([...alone(0), ...alone(1), ...alone(2)]);
  });

  test('a filter over which the broker closes is told refused, and not asked for again', async () => {
    const world = open();
    for (const filter of ['a', 'bad']) world.actor.send({ type: 'filter.wanted', filter, qos: 1 });
    world.actor.send({ type: 'filter.poisoned', filter: 'bad', error: error('POISON_SUBSCRIPTION') });
    world.connect();
    await world.advance(1_000);
    expect([...world.granted.keys()]).toEqual(['a']);
    expect(world.facts).toContainEqual(
      expect.objectContaining({ type: 'filter.refused', filter: 'bad', error: expect.anything() }),
    );
  });

  test('when live is told, a publish goes at once, also without an offline queue', async () => {
    const world = open({ outbox: { enabled: false, maxMessages: 0 } });
    const accepted: boolean[] = [];
    world.actor.on('connection.live', () => accepted.push(world.publish()));
    world.connect();
    await world.advance(1_000);
    expect(accepted).toEqual([true]);
    expect(world.history.map(({ op }) => op)).toEqual([
      'accepted',
      'written',
      'received',
      'acknowledged',
      'delivered',
    ]);
  });

  test('a backlog of 20 drains in 10 s however much joins, in order', async () => {
    const world = open({ outbox: { maxMessages: Number.POSITIVE_INFINITY } });
    for (let n = 0; n < 20; n++) world.publish();
    world.connect();
    await world.advance(25);
    const began = world.clock.now();
    while (!LIVE.test(world.connection) && world.clock.now() < 60_000) {
      world.publish();
      await world.advance(50);
    }
    expect(world.clock.now() - began).toBeLessThanOrEqual(10_050);
    expect(world.clock.now() - began).toBeGreaterThan(9_000);
    await world.advance(1_000);
    expect(checkHistory(world.history)).toEqual(cleanHistory);
  });

  test('py:D15 disconnect in the midst of a drain: the rest stays for the next time', async () => {
    const world = open();
    for (let n = 0; n < 6; n++) world.publish();
    world.connect();
    await world.advance(1_200);
    world.disconnect();
    await world.advance(10_000);
    expect(world.connection).toBe('idle');
    expect([world.outbox.waiting, world.outbox.inFlight, world.outbox.toResend]).toEqual([3, 0, 0]);
    world.connect();
    await world.advance(10_000);
    expect(checkHistory(world.history)).toEqual(cleanHistory);
  });

  test('disconnect waits for what is in flight, and lets nothing new go', async () => {
    const world = open();
    world.connect();
    await world.advance(1_000);
    world.publish();
    world.disconnect();
    expect(world.connection).toMatch(/flushing/);
    world.publish();
    await world.advance(1_000);
    expect(world.connection).toBe('idle');
    expect([world.outbox.waiting, world.outbox.inFlight]).toEqual([1, 0]);
    expect(world.history.filter(({ op }) => op === 'delivered')).toHaveLength(1);
  });

  test('a lifetime that elapses in the midst of a drain renews the line, and loses nothing', async () => {
    const world = open({ lifetimeMs: 1_700 });
    for (let n = 0; n < 8; n++) world.publish();
    world.connect();
    await world.advance(30_000);
    expect(world.lines.length).toBeGreaterThan(2);
    expect(world.told).not.toContain('connection.lost');
    expect(checkHistory(world.history)).toEqual(cleanHistory);
  });
});

describe('who wants the line', () => {
  test('the last who withdraws drops it, at once, in whatever state', async () => {
    for (const reception of ['hangs', 'refuses', 'accepts'] as const) {
      const world = open();
      world.reception = reception;
      world.connect();
      world.connect();
      await world.advance(100);
      world.withdraw();
      await world.advance(0);
      expect(world.connection).not.toBe('idle');
      world.withdraw();
      await world.advance(10);
      expect(world.connection).toBe('idle');
      await world.advance(60_000);
      expect(world.connection).toBe('idle');
    }
  });

  test('what stopped for good has forgotten who asked', async () => {
    const world = open();
    world.reception = 'invalid';
    world.connect();
    await world.advance(100);
    expect(world.connection).toBe('failed');
    expect(world.actor.getSnapshot().context.asked).toBe(0);
    world.withdraw();
    expect(world.connection).toBe('failed');
    world.reception = 'accepts';
    world.connect();
    await world.advance(1_000);
    expect(world.connection).toMatch(LIVE);
  });
});

describe('close', () => {
  const states = {
    idle: async () => {},
    connecting: async (world: ClientWorld) => {
      world.reception = 'hangs';
      world.connect();
      await world.advance(100);
    },
    backingOff: async (world: ClientWorld) => {
      world.reception = 'refuses';
      world.connect();
      await world.advance(100);
    },
    failed: async (world: ClientWorld) => {
      world.reception = 'invalid';
      world.connect();
      await world.advance(100);
    },
    live: async (world: ClientWorld) => {
      world.connect();
      await world.advance(1_000);
    },
    resubscribing: async (world: ClientWorld) => {
      world.answers = false;
      world.actor.send({ type: 'filter.wanted', filter: 'a', qos: 0 });
      world.connect();
      await world.advance(1_000);
    },
    disconnecting: async (world: ClientWorld) => {
      world.answersGoodbye = false;
      world.connect();
      await world.advance(1_000);
      world.disconnect();
      await world.advance(10);
    },
  };

  test.each(Object.entries(states))(
    'from %s it is done within its bounds, and ended is its last word',
    async (_, reach) => {
      const world = open();
      await reach(world);
      world.actor.send({ type: 'close' });
      world.isWanted = false;
      await world.advance(7_000);
      expect(world.actor.getSnapshot().status).toBe('done');
      expect(world.told.at(-1)).toBe('connection.ended');
      expect(world.openLines).toBe(0);
      expect(world.clock.pending).toBe(0);
      const told = world.told.length;
      await world.advance(60_000);
      expect(world.told).toHaveLength(told);
    },
  );

  test('its own bound of the flush is kept, also a long one, and a second close may shorten it', async () => {
    const world = open();
    world.connect();
    await world.advance(1_000);
    world.answers = false;
    world.publish();
    world.actor.send({ type: 'close', flushTimeoutMs: 60_000 });
    await world.advance(59_000);
    expect(world.actor.getSnapshot().value).toEqual({ open: 'closing' });
    world.actor.send({ type: 'close', flushTimeoutMs: 500 });
    await world.advance(600);
    expect(world.actor.getSnapshot().status).toBe('done');
  });

  test('nothing else is obeyed while it closes', async () => {
    const world = open();
    world.connect();
    await world.advance(1_000);
    world.answers = false;
    world.publish();
    world.actor.send({ type: 'close' });
    world.isWanted = false;
    world.actor.send({ type: 'connect' });
    world.actor.send({ type: 'filter.wanted', filter: 'late', qos: 0 });
    await world.advance(8_000);
    expect(world.actor.getSnapshot().status).toBe('done');
    expect(world.lines).toHaveLength(1);
    expect(world.granted.size).toBe(0);
  });
});

describe('a queue that fails', () => {
  test('costs the line, never the client: it tells, backs off and drains anew', async () => {
    const world = open();
    const setFlow = world.outbox.setFlow.bind(world.outbox);
    let faults = 1;
    world.outbox.setFlow = (flow) => {
      if (flow === 'free' && faults-- > 0) throw new Error('boom');
      setFlow(flow);
    };
    world.publish();
    world.connect();
    await world.advance(700);
    expect(world.told.slice(-3)).toEqual(['queue.failed', 'connection.disconnected', 'connection.lost']);
    expect(world.told).not.toContain('connection.live');
    await world.advance(2_000);
    expect(world.connection).toMatch(LIVE);
    expect(world.queue).toBe('open');
  });
});
