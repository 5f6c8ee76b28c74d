import { afterEach, describe, expect, test } from 'vitest';
import { fromCallback } from 'xstate';
import { type ConnectionPorts, connectionMachine } from '../../src/machines/index.ts';
import type { TransportFact } from '../../src/protocol/transport.ts';
import { type ConnectionSetup, closed, connected, error, failed, runConnection } from './support.ts';

type Run = ReturnType<typeof runConnection>;
const runs: Run[] = [];
const run = (setup?: ConnectionSetup): Run => {
  const it = runConnection(setup);
  runs.push(it);
  return it;
};

// Whatever a test did: no transport outlives its machine, and no timer.
afterEach(() => {
  for (const it of runs.splice(0)) {
    expect(it.transports.live).toBeLessThanOrEqual(1);
    it.stop();
    expect({ transports: it.transports.live, timers: it.clock.pending }).toEqual({
      transports: 0,
      timers: 0,
    });
  }
});

const LIVE = 'line.connected.session.up.live + line.connected.stability.settling';

describe('alone, with a transport and nothing else', () => {
  test('it comes up, and says each step once and in order', () => {
    const it = run();
    it.up();
    expect(it.place).toBe(LIVE);
    expect(it.told).toEqual(['ended', 'connected', 'usable', 'resubscribed', 'live']);
    for (const fact of it.facts.slice(1, 3))
      expect(fact).toMatchObject({ session: { sessionPresent: false, receiveMaximum: 100 } });
  });

  test('it tells and emits the same facts', () => {
    const it = run();
    const emitted: string[] = [];
    it.actor.on('*', ({ type }) => emitted.push(type.replace('connection.', '')));
    it.up();
    it.transports.last.report(closed());
    expect(emitted).toEqual(it.told.slice(1));
    expect(emitted).toEqual(['connected', 'usable', 'resubscribed', 'live', 'disconnected', 'lost']);
  });

  test('connect and disconnect twice are the same as once', () => {
    const it = run();
    it.connect();
    it.connect();
    expect(it.transports.attempts).toHaveLength(1);
    it.transports.last.accept();
    it.connect();
    it.disconnect();
    it.disconnect();
    expect(it.transports.last.goodbyes).toBe(1);
    it.transports.last.report(closed());
    expect(it.place).toBe('idle');
    expect(it.told.filter((fact) => fact === 'ended')).toHaveLength(2);
    it.connect();
    expect(it.transports.attempts).toHaveLength(2);
  });

  test('a disconnect while it signs in or dials ends at once, and what the attempt still says is nothing', () => {
    for (const facts of [[], [{ type: 'transport.signedIn' }]] as TransportFact[][]) {
      const it = run();
      it.connect();
      for (const fact of facts) it.transports.last.report(fact);
      it.disconnect();
      expect(it.place).toBe('idle');
      expect(it.transports.last).toMatchObject({ frees: 1, goodbyes: 0 });
      it.transports.last.accept();
      it.transports.last.report(failed('DNS_FAILED'));
      expect(it.place).toBe('idle');
      expect(it.told).toEqual(['ended', 'ended']);
    }
  });

  test('fault:A-8 an attempt takes no longer than its bound, and a late CONNACK is ignored', () => {
    const it = run({ policy: { attemptTimeoutMs: 15_000 } });
    it.connect();
    it.clock.advance(14_999);
    expect(it.place).toBe('line.connecting.signingIn');
    it.clock.advance(1);
    expect(it.place).toBe('backingOff.usual');
    expect(it.facts.at(-1)).toMatchObject({ type: 'connection.lost', error: { code: 'ATTEMPT_TIMEOUT' } });
    it.transports.last.accept();
    expect(it.place).toBe('backingOff.usual');
    expect(it.told).not.toContain('connected');
  });

  test('fault:A-7 a CONNACK a millisecond before the bound counts', () => {
    const it = run();
    it.connect();
    it.clock.advance(14_999);
    it.transports.last.accept();
    it.clock.advance(1);
    expect(it.place).toBe(LIVE);
  });

  test('facts of an old transport mean nothing to the new one', () => {
    const it = run();
    it.up();
    const old = it.transports.last;
    old.report(closed());
    it.clock.advance(1_000);
    expect(it.transports.attempts).toHaveLength(2);
    for (const fact of [
      { type: 'transport.signedIn' },
      connected(),
      closed(),
      failed('KEY_MISMATCH'),
    ] as const) {
      old.report(fact);
    }
    expect(it.place).toBe('line.connecting.signingIn');
  });

  test('a planned renewal: flush, goodbye, and at once a new line, uncounted', () => {
    const it = run();
    it.up({ lifetimeMs: 60_000 });
    it.clock.advance(60_000);
    expect(it.place).toBe('line.disconnecting.again');
    expect(it.transports.last.goodbyes).toBe(1);
    it.transports.last.report(closed());
    it.clock.advance(0);
    expect(it.place).toBe('line.connecting.signingIn');
    expect(it.told).not.toContain('lost');
    expect(it.actor.getSnapshot().context.failures).toBe(0);
  });

  test('a lifetime that elapses while it resubscribes or drains renews all the same', () => {
    const waits = fromCallback(() => undefined);
    for (const actor of ['resubscription', 'drain'] as const) {
      const it = run({ machine: connectionMachine.provide({ actors: { [actor]: waits } }) });
      it.up({ lifetimeMs: 5_000 });
      it.clock.advance(5_000);
      expect(it.place).toBe('line.disconnecting.again');
    }
  });

  test('a peer that never closes does not keep it: goodbye is bounded', () => {
    const it = run();
    it.up();
    it.disconnect();
    expect(it.place).toBe('line.disconnecting.forGood');
    it.clock.advance(999);
    expect(it.transports.live).toBe(1);
    it.clock.advance(1);
    expect(it.place).toBe('idle');
    expect(it.transports.live).toBe(0);
  });

  test('what is in flight delays a planned end, no longer than its bound', () => {
    const it = run({ ports: { onFlushed: () => () => undefined } });
    it.up();
    it.disconnect(70);
    it.clock.advance(69);
    expect(it.place).toMatch(/flushing/);
    it.clock.advance(1);
    expect(it.place).toBe('line.disconnecting.forGood');
  });

  test('a flush bound of zero ends at once; an endless one ends with what is in flight', () => {
    let flushed = (): void => undefined;
    const onFlushed: ConnectionPorts['onFlushed'] = (callback) => {
      flushed = callback;
      return () => undefined;
    };
    const it = run({ ports: { onFlushed } });
    it.up();
    it.disconnect(0);
    it.clock.advance(0);
    expect(it.place).toBe('line.disconnecting.forGood');
    it.transports.last.report(closed());
    it.up();
    it.disconnect(Number.POSITIVE_INFINITY);
    it.clock.advance(24 * 3_600_000);
    expect(it.place).toMatch(/flushing/);
    flushed();
    expect(it.place).toBe('line.disconnecting.forGood');
  });

  test("changing one's mind while it ends: the last command wins", () => {
    const it = run({ ports: { onFlushed: () => () => undefined } });
    it.up();
    it.disconnect();
    it.connect();
    it.disconnect();
    it.clock.advance(5_000);
    expect(it.place).toBe('line.disconnecting.forGood');
    it.connect();
    it.disconnect();
    it.connect();
    expect(it.place).toBe('line.disconnecting.again');
    it.transports.last.report(closed());
    it.clock.advance(0);
    expect(it.place).toBe('line.connecting.signingIn');
    expect(it.transports.attempts.map(({ goodbyes, frees }) => [goodbyes, frees])).toEqual([
      [1, 1],
      [0, 0],
    ]);
  });

  test('a line that is not resubscribed in time is given up', () => {
    const waits = fromCallback(() => undefined);
    const it = run({ machine: connectionMachine.provide({ actors: { resubscription: waits } }) });
    it.up();
    it.clock.advance(30_000);
    expect(it.place).toBe('backingOff.usual');
    expect(it.transports.live).toBe(0);
    expect(it.facts.at(-1)).toMatchObject({ type: 'connection.lost', error: { code: 'OPERATION_TIMEOUT' } });
  });

  test('a listener may send any command, and it takes its turn', () => {
    const it = run();
    it.actor.on('connection.lost', () => it.disconnect());
    it.up();
    it.transports.last.report(closed());
    expect(it.place).toBe('idle');
    expect(it.told.slice(-3)).toEqual(['disconnected', 'lost', 'ended']);

    const again = run();
    again.actor.on('connection.flushing', again.connect);
    again.up();
    again.disconnect();
    expect(again.place).toBe('line.disconnecting.again');

    const atOnce = run();
    atOnce.actor.on('connection.connected', () => atOnce.disconnect());
    atOnce.up();
    expect(atOnce.place).toBe('line.disconnecting.forGood');
    expect(atOnce.told).not.toContain('live');
  });

  test('a transport that answers within the call that opens it', () => {
    const it = run({
      ports: {
        openTransport: (report) => {
          report({ type: 'transport.signedIn' });
          report(connected());
          return { disconnect: () => report(closed()), free: () => undefined };
        },
      },
    });
    it.connect();
    expect(it.place).toBe(LIVE);
    it.disconnect();
    expect(it.place).toBe('idle');
  });
});

describe('a line under inquiry', () => {
  const caution = { quietMs: 1_500, filtersPerSubscribe: 4 };
  const QUIET = 'line.connected.session.up.quiet + line.connected.stability.settling';

  test('is quiet for as long as it was told to be, and only then usable', () => {
    const it = run();
    it.up({ caution });
    expect(it.place).toBe(QUIET);
    it.clock.advance(1_499);
    expect(it.told).toEqual(['ended', 'connected']);
    it.clock.advance(1);
    expect(it.place).toBe(LIVE);
    expect(it.told).toEqual(['ended', 'connected', 'usable', 'resubscribed', 'live']);
    expect(it.facts[2]).toMatchObject({ type: 'connection.usable', session: { caution } });
  });

  test('a quiet time of none is over at once, and one that no timer can keep is bounded', () => {
    const it = run();
    it.up({ caution: { ...caution, quietMs: 0 } });
    it.clock.advance(0);
    expect(it.place).toBe(LIVE);
    const endless = run();
    endless.up({ caution: { ...caution, quietMs: Number.POSITIVE_INFINITY } });
    expect(endless.place).toBe(QUIET);
    endless.clock.advance(60_000);
    expect(endless.place).toMatch(/up.quiet/);
  });

  test('that ends while it is quiet was never usable', () => {
    const it = run();
    it.up({ caution });
    it.clock.advance(1_000);
    it.transports.last.report(closed());
    expect(it.place).toBe('backingOff.usual');
    expect(it.told).toEqual(['ended', 'connected', 'disconnected', 'lost']);
    it.clock.advance(1_000);
    it.transports.last.accept();
    expect(it.place).toBe(LIVE);
  });

  test('that is not wanted any more does not wait for the quiet time to end', () => {
    const it = run();
    it.up({ caution });
    it.disconnect();
    expect(it.place).toBe('line.disconnecting.forGood');
    it.clock.advance(1_000);
    expect(it.told).toEqual(['ended', 'connected', 'flushing', 'disconnected', 'ended']);
  });

  test('may become stable, or has to be renewed, while it is quiet', () => {
    const it = run({ backoff: { stableMs: 1_000 } });
    it.up({ caution, lifetimeMs: 1_200 });
    it.clock.advance(1_000);
    expect(it.place).toBe('line.connected.session.up.quiet + line.connected.stability.stable');
    it.clock.advance(200);
    expect(it.place).toBe('line.disconnecting.again');
  });

  test('the resubscribing is bounded from the end of the quiet time on', () => {
    const waits = fromCallback(() => undefined);
    const it = run({ machine: connectionMachine.provide({ actors: { resubscription: waits } }) });
    it.up({ caution: { ...caution, quietMs: 29_000 } });
    it.clock.advance(29_000 + 29_999);
    expect(it.place).toMatch(/up.resubscribing/);
    it.clock.advance(1);
    expect(it.place).toBe('backingOff.usual');
  });
});

describe('the backoff', () => {
  /** Lets each attempt fail at once, and gives the delays that followed. */
  function delaysOf(it: Run, count: number): number[] {
    it.connect();
    for (let n = 0; n < count; n++) {
      it.transports.last.report(failed('CONNECTION_RESET'));
      it.clock.advance(it.clock.nextIn ?? 0);
    }
    return it.transports.gaps;
  }

  const s = (...seconds: number[]) => seconds.map((second) => second * 1_000);

  test('py:B5 py:B8 doubles from base to max: 1, 2, 4, 8, 16, 32, 32 s', () => {
    expect(delaysOf(run(), 7)).toEqual(s(1, 2, 4, 8, 16, 32, 32));
  });

  test('py:B9 stops at max: 4, 8, 10, 10 s', () => {
    const backoff = { baseMs: 4_000, maxMs: 10_000 };
    expect(delaysOf(run({ backoff }), 4)).toEqual(s(4, 8, 10, 10));
  });

  test('py:B10 the same after a line that was stable: 4, 8, 10, 10 s', () => {
    const it = run({ backoff: { baseMs: 4_000, maxMs: 10_000 } });
    delaysOf(it, 3);
    it.transports.last.accept();
    it.clock.advance(20_000);
    it.transports.last.report(closed());
    const first = it.clock.nextIn ?? 0;
    it.clock.advance(first);
    expect([first, ...delaysOf(it, 3).slice(-3)]).toEqual(s(4, 8, 10, 10));
  });

  test('py:B16 lines that are closed again and again before they are stable: 1, 2, 4 … 64, 128, 128 s', () => {
    const it = run({ backoff: { maxMs: 128_000, stableMs: 2_500 } });
    it.connect();
    const delays = Array.from({ length: 9 }, () => {
      it.transports.last.accept();
      it.transports.last.report(closed());
      const delay = it.clock.nextIn ?? 0;
      it.clock.advance(delay);
      return delay;
    });
    expect(delays).toEqual(s(1, 2, 4, 8, 16, 32, 64, 128, 128));
  });

  test('py:B19 0.5, 1, 2, 3, 3 s', () => {
    const backoff = { baseMs: 500, maxMs: 3_000 };
    expect(delaysOf(run({ backoff }), 5)).toEqual([500, 1_000, 2_000, 3_000, 3_000]);
  });

  test('py:B6 py:B18 a line that lasted as long as stable forgives', () => {
    for (const lasts of [6_000, 5_000]) {
      const it = run({ backoff: { stableMs: 5_000 } });
      delaysOf(it, 2);
      it.transports.last.accept();
      it.clock.advance(lasts);
      it.transports.last.report(closed());
      expect(it.clock.nextIn).toBe(1_000);
    }
  });

  test('what is found and mended forgives, and no other end of a line does', () => {
    const it = run();
    delaysOf(it, 3);
    it.transports.last.accept();
    it.transports.last.report({ type: 'transport.closed', error: error('CONNECTION_LOST'), isMended: true });
    expect(it.clock.nextIn).toBe(1_000);
    it.clock.advance(1_000);
    it.transports.last.accept();
    it.transports.last.report(closed());
    expect(it.clock.nextIn).toBe(2_000);
  });

  test('py:B7 py:B17 a line that lasted a millisecond less does not', () => {
    const it = run({ backoff: { stableMs: 5_000 } });
    delaysOf(it, 1);
    it.transports.last.accept();
    it.clock.advance(4_999);
    it.transports.last.report(closed());
    expect(it.clock.nextIn).toBe(2_000);
    it.clock.advance(2_000);
    it.transports.last.report(failed('DNS_FAILED'));
    expect(it.clock.nextIn).toBe(4_000);
  });

  test('py:B13 lines of 3, 4, 6, 10, 18, 34 and 66 s with stable at 60: 1, 2, 4, 8, 16, 16, 1 s', () => {
    const it = run({ backoff: { maxMs: 16_000, stableMs: 60_000 } });
    it.connect();
    const delays = s(3, 4, 6, 10, 18, 34, 66).map((lasts) => {
      it.transports.last.accept();
      it.clock.advance(lasts);
      it.transports.last.report(closed());
      const delay = it.clock.nextIn;
      it.clock.advance(delay ?? 0);
      return delay;
    });
    expect(delays).toEqual(s(1, 2, 4, 8, 16, 16, 1));
  });

  test('py:B14 after disconnect nothing reconnects, and nothing counts towards stable', () => {
    const it = run();
    it.up();
    it.disconnect();
    it.transports.last.report(closed());
    it.clock.advance(24 * 3_600_000);
    expect(it.transports.attempts).toHaveLength(1);
    expect(it.clock.pending).toBe(0);
  });

  test('py:B15 disconnect while it backs off ends at once', () => {
    for (const code of ['DNS_FAILED', 'NOT_AUTHORIZED'] as const) {
      const it = run();
      it.connect();
      it.transports.last.report(failed(code));
      it.disconnect();
      expect(it.place).toBe('idle');
      expect(it.told.at(-1)).toBe('ended');
      it.clock.advance(3_600_000);
      expect(it.transports.attempts).toHaveLength(1);
    }
  });

  test('the network that comes back ends a wait, and forgives nothing', () => {
    const it = run();
    delaysOf(it, 3);
    it.transports.last.report(failed('DNS_FAILED'));
    it.clock.advance(10);
    it.actor.send({ type: 'network.online' });
    expect(it.place).toBe('line.connecting.signingIn');
    expect(it.transports.gaps.at(-1)).toBe(10);
    it.transports.last.report(failed('DNS_FAILED'));
    expect(it.clock.nextIn).toBe(16_000);
  });

  test('what a person must mend is tried again slowly, for ever', () => {
    const it = run();
    it.connect();
    for (let hour = 0; hour < 3; hour++) {
      it.transports.last.report(failed('NOT_AUTHORIZED'));
      expect(it.place).toBe('backingOff.slow');
      it.clock.advance(32_000);
    }
    expect(it.transports.gaps).toEqual(s(32, 32, 32));
    it.transports.last.accept();
    expect(it.place).toBe(LIVE);
  });

  test('a refused sign-in is renewed once, then tried slowly', () => {
    const it = run();
    it.connect();
    for (let n = 0; n < 3; n++) {
      it.transports.last.report(failed('BAD_CREDENTIALS'));
      it.clock.advance(it.clock.nextIn ?? 0);
    }
    expect(it.transports.gaps).toEqual(s(1, 32, 32));
  });

  test('what only the options can mend stops it, and says so', () => {
    const it = run();
    it.connect();
    it.transports.last.report(failed('KEY_MISMATCH'));
    expect(it.place).toBe('failed');
    expect(it.told.slice(-2)).toEqual(['lost', 'failed']);
    it.clock.advance(24 * 3_600_000);
    it.actor.send({ type: 'network.online' });
    expect(it.transports.attempts).toHaveLength(1);
    it.connect();
    expect(it.transports.attempts).toHaveLength(2);
  });

  test('the delay is drawn once, on entry, and is what the status shows', () => {
    const draws: number[] = [];
    const random = () => {
      draws.push(0.25);
      return 0.25;
    };
    const it = run({ backoff: { jitter: 'equal' }, ports: { random } });
    it.clock.advance(500);
    it.connect();
    it.transports.last.report(failed('DNS_FAILED'));
    const { retryAt, retryDelayMs } = it.actor.getSnapshot().context;
    const drawn = draws.length;
    expect([retryDelayMs, it.clock.nextIn]).toEqual([625, 625]);
    it.clock.advance(625);
    expect(it.transports.last.at).toBe(retryAt);
    expect(draws).toHaveLength(drawn);
  });

  test('fault:A-18 a broker that flaps is left alone more and more', () => {
    const it = run({ backoff: { maxMs: 120_000, stableMs: 30_000 } });
    it.connect();
    const minutes = (n: number) => n * 60_000;
    while (it.clock.now() < minutes(11)) {
      it.transports.last.accept();
      it.clock.advance(20);
      it.transports.last.report(closed());
      it.clock.advance(it.clock.nextIn ?? 0);
    }
    const later = it.transports.attempts.filter(({ at }) => at >= minutes(1) && at < minutes(11));
    expect(later.length).toBeLessThanOrEqual(15);
    expect(Math.min(...it.transports.gaps)).toBeGreaterThanOrEqual(1_000);
  });

  test('no policy makes a delay that a timer cannot keep', () => {
    const endless = Number.POSITIVE_INFINITY;
    const it = run({
      policy: { attemptTimeoutMs: endless, flushTimeoutMs: endless, goodbyeTimeoutMs: endless },
      backoff: { baseMs: endless, maxMs: endless, stableMs: endless },
    });
    it.connect();
    expect(it.clock.nextIn).toBeLessThanOrEqual(2 ** 31 - 1);
    it.transports.last.report(failed('DNS_FAILED'));
    expect(it.clock.nextIn).toBeLessThanOrEqual(2 ** 31 - 1);
  });
});

describe('a transport that throws', () => {
  const boom = () => {
    throw new Error('boom');
  };

  test('while it opens: is a failed attempt, and is tried again', () => {
    const it = run({ ports: { openTransport: boom } });
    it.connect();
    expect(it.place).toBe('backingOff.usual');
    expect(it.facts.at(-1)).toMatchObject({ type: 'connection.lost', error: { code: 'INTERNAL' } });
    it.clock.advance(1_000);
    expect(it.actor.getSnapshot().context.failures).toBe(2);
  });

  test('while it says goodbye: is freed, and the end is told', () => {
    let frees = 0;
    const it = run({
      ports: {
        openTransport: (report) => {
          report(connected());
          return { disconnect: boom, free: () => frees++ };
        },
      },
    });
    it.connect();
    it.disconnect();
    expect(it.place).toBe('idle');
    expect(it.told.slice(-2)).toEqual(['disconnected', 'ended']);
    expect(frees).toBe(1);
  });

  test('while it is freed: the machine goes on, and tells the fault', () => {
    let opened = 0;
    const it = run({
      ports: {
        openTransport: (report) => {
          opened += 1;
          report(connected());
          return { disconnect: () => report(closed()), free: boom };
        },
      },
    });
    it.connect();
    it.disconnect();
    expect(it.place).toBe('idle');
    expect(it.facts.at(-1)).toMatchObject({ type: 'connection.faulted', error: { code: 'INTERNAL' } });
    it.connect();
    expect(it.place).toBe(LIVE);
    expect(opened).toBe(2);
    it.disconnect();
  });

  test('a flush that throws, at the beginning or at the end, does not hold the end up', () => {
    for (const onFlushed of [boom, () => boom] as ConnectionPorts['onFlushed'][]) {
      const it = run({ ports: { ...(onFlushed && { onFlushed }) } });
      it.up();
      it.disconnect();
      it.clock.advance(5_000 + 1_000);
      expect(it.transports.last).toMatchObject({ goodbyes: 1, frees: 1 });
      expect(it.place).toBe('idle');
    }
  });

  test("an actor of the user's own that throws outside of our guard does not kill it either", () => {
    const rude = fromCallback(boom);
    for (const actor of ['transport', 'resubscription', 'drain', 'flush'] as const) {
      const it = run({ machine: connectionMachine.provide({ actors: { [actor]: rude } }) });
      it.connect();
      it.transports.attempts.at(-1)?.accept();
      it.disconnect();
      expect(it.actor.getSnapshot().status, actor).toBe('active');
      it.clock.advance(1_000);
      expect(it.place, actor).toBe('idle');
    }
  });
});
