import { describe, expect, test } from 'vitest';
import { accepted, rejected, useOperations } from './shadow-operation-world.ts';
import { error } from './support.ts';

const operation = useOperations();

describe('an answer', () => {
  test('py:H1 py:H12 accepted ends it, once, with the version, and the topics stay', () => {
    const it = operation();
    it.sent();
    expect(it.place).toBe('open.engaged.listening.sent.pending');
    it.send(accepted(3));
    expect(it.outcome).toEqual({ type: 'accepted', version: 3 });
    expect(it.place).toBe('done');
    expect(it.actor.getSnapshot().output).toEqual({ outcome: it.outcome });
    expect(it.log).not.toContain('release');
  });

  test('py:H2 rejected ends it with what AWS said', () => {
    const it = operation();
    const conflict = rejected(409);
    it.sent();
    it.send(conflict);
    expect(it.outcome).toEqual({ type: 'rejected', error: conflict.error });
  });

  test('fault:H-3 fault:H-4 the first one counts: a second, be it the other one, changes nothing', () => {
    for (const [first, second] of [
      [accepted(), accepted()],
      [accepted(), rejected(400)],
      [rejected(400), accepted()],
    ] as const) {
      const it = operation({ keepsTopics: false });
      it.sent();
      it.send(first, second);
      expect(it.outcome.type).toBe(first === second ? 'accepted' : first.type.replace('response.', ''));
    }
  });

  test('fault:H-1 after the deadline it is ignored', () => {
    const it = operation({ timeoutMs: 3_000, keepsTopics: false });
    it.sent();
    it.clock.advance(3_000);
    it.send(accepted());
    expect(it.outcome.type).toBe('timedOut');
  });

  test('fault:H-2 before the request was sent it answers somebody else, who uses the same token', () => {
    const it = operation();
    it.send('line.up', 'slot.taken', accepted(), rejected(400), 'topics.granted', accepted(), rejected(429));
    expect(it.place).toBe('open.engaged.listening.publishing');
    expect(it.outcomes).toEqual([]);
  });

  test('py:H31 one that is correlated is never dropped, whatever its version', () => {
    const [first, second] = [operation(), operation()];
    for (const it of [first, second]) it.sent();
    first.send(accepted(3));
    second.send(accepted(1));
    expect([first.outcome, second.outcome]).toEqual([
      { type: 'accepted', version: 3 },
      { type: 'accepted', version: 1 },
    ]);
  });

  test('py:H17 ends its own request, and no other', () => {
    const [one, other] = [operation(), operation()];
    for (const it of [one, other]) it.sent();
    other.send(accepted(8));
    expect([one.outcomes.length, other.outcomes.length]).toEqual([0, 1]);
  });

  test('py:H24 fault:H-14 a rejection that does not say of what ends nothing, and is told by the deadline', () => {
    const it = operation({ timeoutMs: 3_000 });
    it.sent();
    it.send({ type: 'response.uncorrelated', error: rejected(400).error });
    it.clock.advance(2_999);
    expect(it.outcomes).toEqual([]);
    it.clock.advance(1);
    expect(it.error.code).toBe('TIMEOUT');
    expect(it.error.message).toMatch(/without saying for what: the update was rejected: 400 .*test 400/);
    expect(it.error.cause).toMatchObject({ reasonCode: 400 });
  });

  test('fault:H-14 the same hint does not keep the answer from being taken', () => {
    const it = operation();
    it.sent();
    it.send({ type: 'response.uncorrelated', error: rejected(400).error }, accepted());
    expect(it.outcome.type).toBe('accepted');
  });
});

describe('the deadline', () => {
  test('py:H3 py:H36 counts from the publish: waiting for a place, for topics and for the wire is not in it', () => {
    const it = operation({ timeoutMs: 1_000 });
    for (const step of ['line.up', 'slot.taken', 'topics.granted'] as const) {
      it.send(step);
      it.clock.advance(60_000);
    }
    it.send('request.sent');
    it.clock.advance(999);
    expect(it.outcomes).toEqual([]);
    it.clock.advance(1);
    expect(it.outcome.type).toBe('timedOut');
  });

  test.each([
    ['get', false],
    ['update', true],
    ['delete', true],
  ] as const)('of %s: whether AWS may have done it: %s', (kind, outcomeUnknown) => {
    const it = operation({ kind });
    it.sent();
    it.clock.advance(5_000);
    expect(it.error).toMatchObject({ code: 'TIMEOUT', outcomeUnknown });
  });
});

describe('fault:H-11 too many requests', () => {
  test('the same is asked again, ever later, and its place is kept', () => {
    const it = operation({ timeoutMs: 60_000 });
    it.sent();
    for (const [pauseMs, published] of [
      [125, 2],
      [250, 3],
      [500, 4],
      [1_000, 5],
      [1_000, 6],
    ] as const) {
      it.send(rejected(429));
      it.clock.advance(pauseMs - 1);
      expect(it.published).toBe(published - 1);
      it.clock.advance(1);
      expect(it.published).toBe(published);
      it.send('request.sent');
    }
    expect(it.log.filter((entry) => entry === 'slot ended')).toEqual([]);
    it.send(accepted(7));
    expect(it.outcome).toEqual({ type: 'accepted', version: 7 });
  });

  test('at the deadline it is what the request was refused with', () => {
    const it = operation({ timeoutMs: 200 });
    it.sent();
    it.clock.advance(100);
    it.send(rejected(429));
    it.clock.advance(100);
    expect(it.error).toMatchObject({ code: 'SHADOW_REJECTED', reasonCode: 429 });
    expect(it.published).toBe(1);
  });

  test('once it was asked again, nobody knows at the deadline', () => {
    const it = operation({ timeoutMs: 200 });
    it.sent();
    it.send(rejected(429));
    it.clock.advance(125);
    it.send('request.sent');
    it.clock.advance(75);
    expect(it.error).toMatchObject({ code: 'TIMEOUT', outcomeUnknown: true });
  });

  test('told twice it is asked again once', () => {
    const it = operation();
    it.sent();
    it.send(rejected(429), rejected(429));
    it.clock.advance(125);
    it.send(rejected(429), 'request.sent');
    expect({ published: it.published, outcomes: it.outcomes }).toEqual({ published: 2, outcomes: [] });
  });

  test('another rejection meanwhile is said as it is', () => {
    const it = operation();
    it.sent();
    it.send(rejected(429), rejected(403));
    expect(it.error.reasonCode).toBe(403);
  });

  test('the line is lost meanwhile: nothing was done', () => {
    for (const advanceMs of [0, 125]) {
      const it = operation();
      it.sent();
      it.send(rejected(429));
      it.clock.advance(advanceMs);
      it.send('line.lost');
      expect(it.error).toMatchObject({ reasonCode: 429, outcomeUnknown: false });
    }
  });
});

describe('the line', () => {
  test('py:H21 without one it fails at once, and takes nothing', () => {
    const it = operation();
    it.send('line.lost');
    expect(it.error).toMatchObject({ code: 'DISCONNECTED', outcomeUnknown: false });
    expect(it.log).toEqual(['line', 'line ended', 'told']);
  });

  test.each(['slot.taken', 'topics.granted', undefined] as const)(
    'lost before the publish: as without one, before %s',
    (until) => {
      const steps = ['line.up', 'slot.taken', 'topics.granted'] as const;
      const it = operation();
      it.send(...steps.slice(0, until === undefined ? 3 : steps.indexOf(until)), 'line.lost');
      expect(it.error.code).toBe('DISCONNECTED');
    },
  );

  test('lost before the publish, and it may wait: it gives all back, and takes it again', () => {
    const it = operation({ waitForConnection: true });
    it.send('line.lost', 'line.up', 'slot.taken', 'topics.granted');
    expect([...it.held].sort()).toEqual(['line', 'publish', 'slot', 'topics']);
    it.send('line.lost');
    expect({ place: it.place, held: [...it.held] }).toEqual({ place: 'open.waiting', held: ['line'] });
    it.sent();
    it.send(accepted());
    expect({ published: it.published, type: it.outcome.type }).toEqual({ published: 2, type: 'accepted' });
  });

  test.each([
    ['get', false],
    ['update', true],
    ['delete', true],
  ] as const)(
    'fault:H-16 lost between %s and answer: the outcome is unknown, and it is never sent again',
    (kind, outcomeUnknown) => {
      const it = operation({ kind, waitForConnection: true });
      it.sent();
      it.send('line.lost', 'line.up');
      expect(it.error).toMatchObject({ code: 'OUTCOME_UNKNOWN', outcomeUnknown });
      expect(it.published).toBe(1);
    },
  );
});

describe('the topics of the answers', () => {
  test('fault:H-15 refused: it fails, and nothing was published', () => {
    const it = operation();
    it.send('line.up', 'slot.taken', { type: 'topics.refused', error: error('SUBSCRIPTION_REFUSED') });
    expect(it.error.code).toBe('SUBSCRIPTION_REFUSED');
    expect(it.published).toBe(0);
  });

  test('taken back after the publish: the outcome is unknown', () => {
    const it = operation();
    it.sent();
    it.send({ type: 'topics.refused', error: error('SUBSCRIPTION_REFUSED') });
    expect(it.error).toMatchObject({ code: 'OUTCOME_UNKNOWN', cause: { code: 'SUBSCRIPTION_REFUSED' } });
  });

  test('py:H5 py:H18 py:H33 are given back with the end, which is told before the broker has forgotten them', () => {
    const it = operation({ keepsTopics: false });
    it.sent();
    it.send(accepted());
    expect(it.place).toBe('unsubscribing');
    const { log } = it;
    expect(log.filter((entry) => entry === 'topics ended')).toHaveLength(1);
    expect(log.indexOf('topics ended')).toBeLessThan(log.indexOf('told'));
    expect(log.indexOf('slot ended')).toBeLessThan(log.indexOf('told'));
    expect(log.indexOf('told')).toBeLessThan(log.indexOf('release'));
    it.send('topics.released');
    expect(it.place).toBe('done');
  });

  test('py:H20 offline at the end: the outcome does not wait for a broker that cannot be asked', () => {
    const it = operation({ keepsTopics: false });
    it.sent();
    it.send('line.lost');
    expect(it.error.code).toBe('OUTCOME_UNKNOWN');
    it.clock.advance(30_000);
    expect(it.place).toBe('done');
  });

  test('whoever aborts what has ended waits for nothing', () => {
    const it = operation({ keepsTopics: false });
    it.sent();
    it.send(accepted(), { type: 'abort', error: error('CLOSED') });
    expect({ place: it.place, type: it.outcome.type }).toEqual({ place: 'done', type: 'accepted' });
  });
});

describe('whatever happens', () => {
  const steps = ['line.up', 'slot.taken', 'topics.granted', 'request.sent'] as const;

  test.each([0, 1, 2, 3, 4])('aborted after %i steps it gives all back, and ends with the reason', (n) => {
    const it = operation();
    it.send(...steps.slice(0, n), { type: 'abort', error: error('ABORTED') });
    expect(it.outcome).toMatchObject({ type: 'aborted', error: { code: 'ABORTED' } });
    expect([...it.held]).toEqual([]);
  });

  test.each(['watchLine', 'takeSlot', 'listen', 'publish'] as const)(
    '%s throws: it fails, and gives all back',
    (port) => {
      const it = operation({
        ports: {
          [port]: () => {
            throw new TypeError('test');
          },
        },
      });
      it.send(...steps.slice(0, ['watchLine', 'takeSlot', 'listen', 'publish'].indexOf(port)));
      expect(it.error).toMatchObject({ code: 'INTERNAL', message: 'an actor threw: test' });
      expect([...it.held]).toEqual([]);
    },
  );

  test('onReleased throws: it is done', () => {
    const it = operation({
      keepsTopics: false,
      ports: {
        onReleased: () => {
          throw new TypeError('test');
        },
      },
    });
    it.sent();
    it.send(accepted());
    expect({ place: it.place, type: it.outcome.type }).toEqual({ place: 'done', type: 'accepted' });
  });

  test('the request cannot be sent: it fails as it was said', () => {
    const it = operation();
    it.send('line.up', 'slot.taken', 'topics.granted', { type: 'request.failed', error: error('CLOSED') });
    expect(it.outcome).toMatchObject({ type: 'failed', error: { code: 'CLOSED' } });
  });

  test('py:H19 who hears of the end may ask again at once', () => {
    const it = operation({ timeoutMs: 10 });
    const again: ReturnType<typeof operation>[] = [];
    it.actor.on('operation.ended', () => again.push(operation()));
    it.sent();
    it.clock.advance(10);
    again[0]?.sent();
    again[0]?.send(accepted());
    expect(again[0]?.outcome.type).toBe('accepted');
  });

  test('ports that call back at once are as good as any', () => {
    const it = operation({
      ports: {
        watchLine: (listener) => {
          listener({ type: 'line.up' });
          return () => undefined;
        },
        takeSlot: (taken) => {
          taken();
          return () => undefined;
        },
        listen: (listener) => {
          listener({ type: 'topics.granted' });
          return () => undefined;
        },
        publish: (told) => {
          told({ type: 'request.sent' });
          return () => undefined;
        },
      },
    });
    expect(it.place).toBe('open.engaged.listening.sent.pending');
  });
});
