import { describe, expect, test } from 'vitest';
import type { EventObject } from 'xstate';
import { connectionMachine, Handle } from '../../src/machines/index.ts';
import { DEFAULT_BACKOFF } from '../../src/protocol/backoff.ts';
import { pure } from './pure.ts';
import { closed, connected, error, failed } from './support.ts';

const input = {
  ports: new Handle({
    openTransport: () => {
      throw new Error('nothing runs here');
    },
    random: () => 0.5,
    now: () => 1_000_000,
  }),
  policy: { backoff: { ...DEFAULT_BACKOFF, jitter: 'none' } },
};
const { start, step, afterEvents } = pure(connectionMachine, input);

const event = (type: string): EventObject => ({ type });
const timer = (name: string, state: string): EventObject => event(`xstate.after.${name}.connection.${state}`);
const broke = (actor: string): EventObject & { error: Error } => ({
  type: `xstate.error.actor.${actor}`,
  error: new Error('test'),
});
const unanswered = { type: 'subscriptions.unanswered', error: error('OPERATION_TIMEOUT') };

const queueFailed = { type: 'queue.failed', error: error('INTERNAL') };

const SIGNING_IN = [event('connect')];
const DIALING = [...SIGNING_IN, event('transport.signedIn')];
const RESUBSCRIBING = [...DIALING, connected()];
const CAUTION = { quietMs: 1_500, filtersPerSubscribe: 4 };
const QUIET = [...DIALING, connected({ caution: CAUTION })];
const DRAINING = [...RESUBSCRIBING, event('subscriptions.settled')];
const LIVE = [...DRAINING, event('queue.drained')];
const FLUSHING = [...LIVE, event('disconnect')];
const RENEWING = [...FLUSHING, event('connect')];
const FOR_GOOD = [...FLUSHING, event('outbox.flushed')];
const AGAIN = [...FOR_GOOD, event('connect')];
const BACKING_OFF = [...SIGNING_IN, failed('DNS_FAILED')];
const SLOW = [...SIGNING_IN, failed('NOT_AUTHORIZED')];
const ONCE = [...AGAIN, closed()];
const FAILED = [...SIGNING_IN, failed('KEY_MISMATCH')];

const PLACES = {
  idle: [],
  'line.connecting.signingIn': SIGNING_IN,
  'line.connecting.dialing': DIALING,
  'line.connected.session.up.quiet + line.connected.stability.settling': QUIET,
  'line.connected.session.up.resubscribing + line.connected.stability.settling': RESUBSCRIBING,
  'line.connected.session.up.draining + line.connected.stability.settling': DRAINING,
  'line.connected.session.up.live + line.connected.stability.settling': LIVE,
  'line.connected.session.flushing + line.connected.stability.settling': FLUSHING,
  'line.connected.session.renewing + line.connected.stability.settling': RENEWING,
  'line.disconnecting.forGood': FOR_GOOD,
  'line.disconnecting.again': AGAIN,
  'backingOff.usual': BACKING_OFF,
  'backingOff.slow': SLOW,
  'backingOff.once': ONCE,
  failed: FAILED,
};

test.each(Object.entries(PLACES))('reaches %s', (place, events) => {
  expect(afterEvents(events).place).toBe(place);
});

/** What leaving a connected line orders, in this order: whatever ran is stopped, then the session's end is told. */
const END_OF = {
  quiet: [],
  resubscribing: ['stop resubscription'],
  draining: ['stop drain'],
  live: [],
  flushing: ['stop flush'],
  renewing: ['stop flush'],
};
const DISCONNECTED = 'emit connection.disconnected';
const LOST = 'emit connection.lost';
const ENDED = 'emit connection.ended';
const usualRetry = (ms = 1_000) => `timer retry ${ms}`;

type Row = readonly [event: EventObject, to: string, effects: readonly string[] | 'no effects'];
const STAYS = 'stays';

const TABLE: Record<string, { from: readonly EventObject[]; rows: readonly Row[] }> = {
  idle: {
    from: [],
    rows: [
      [event('connect'), 'line.connecting.signingIn', ['start transport', 'timer attemptTimeout 15000']],
      [event('disconnect'), STAYS, [ENDED]],
      [event('network.online'), STAYS, 'no effects'],
      [event('transport.signedIn'), STAYS, 'no effects'],
      [connected(), STAYS, 'no effects'],
      [closed(), STAYS, 'no effects'],
      [failed('INTERNAL'), STAYS, ['emit connection.faulted']],
      [event('queue.drained'), STAYS, 'no effects'],
    ],
  },
  signingIn: {
    from: SIGNING_IN,
    rows: [
      [event('transport.signedIn'), 'line.connecting.dialing', 'no effects'],
      [event('connect'), STAYS, 'no effects'],
      [event('disconnect'), 'idle', ['stop transport', ENDED]],
      [failed('DNS_FAILED'), 'backingOff.usual', ['stop transport', LOST, usualRetry()]],
      [
        timer('attemptTimeout', 'line.connecting'),
        'backingOff.usual',
        ['stop transport', LOST, usualRetry()],
      ],
      [broke('transport'), 'backingOff.usual', ['stop transport', LOST, usualRetry()]],
      [event('subscriptions.settled'), STAYS, 'no effects'],
      [event('network.online'), STAYS, 'no effects'],
    ],
  },
  dialing: {
    from: DIALING,
    rows: [
      [
        connected(),
        'line.connected.session.up.resubscribing + line.connected.stability.settling',
        [
          'emit connection.connected',
          'timer lifetime 2147483647',
          'timer stable 20000',
          'emit connection.usable',
          'timer resubscribeTimeout 30000',
          'start resubscription',
        ],
      ],
      [
        connected({ caution: CAUTION }),
        'line.connected.session.up.quiet + line.connected.stability.settling',
        ['emit connection.connected', 'timer lifetime 2147483647', 'timer stable 20000', 'timer quiet 1500'],
      ],
      [failed('NOT_AUTHORIZED'), 'backingOff.slow', ['stop transport', LOST, usualRetry(32_000)]],
      [failed('KEY_MISMATCH'), 'failed', ['stop transport', LOST, 'emit connection.failed']],
      [event('disconnect'), 'idle', ['stop transport', ENDED]],
    ],
  },
  quiet: {
    from: QUIET,
    rows: [
      [
        timer('quiet', 'line.connected.session.up.quiet'),
        'line.connected.session.up.resubscribing + line.connected.stability.settling',
        ['emit connection.usable', 'timer resubscribeTimeout 30000', 'start resubscription'],
      ],
      [closed(), 'backingOff.usual', [...END_OF.quiet, DISCONNECTED, 'stop transport', LOST, usualRetry()]],
      [event('subscriptions.settled'), STAYS, 'no effects'],
      [event('queue.drained'), STAYS, 'no effects'],
      [event('connect'), STAYS, 'no effects'],
      [unanswered, 'backingOff.usual', [...END_OF.quiet, DISCONNECTED, 'stop transport', LOST, usualRetry()]],
      [
        timer('stable', 'line.connected.stability.settling'),
        'line.connected.session.up.quiet + line.connected.stability.stable',
        'no effects',
      ],
      [
        event('disconnect'),
        'line.connected.session.flushing + line.connected.stability.settling',
        [...END_OF.quiet, 'emit connection.flushing', 'timer flushTimeout 5000', 'start flush'],
      ],
    ],
  },
  resubscribing: {
    from: RESUBSCRIBING,
    rows: [
      [
        event('subscriptions.settled'),
        'line.connected.session.up.draining + line.connected.stability.settling',
        ['stop resubscription', 'emit connection.resubscribed', 'start drain'],
      ],
      [event('queue.drained'), STAYS, 'no effects'],
      [event('connect'), STAYS, 'no effects'],
      [
        timer('resubscribeTimeout', 'line.connected.session.up.resubscribing'),
        'backingOff.usual',
        [...END_OF.resubscribing, DISCONNECTED, 'stop transport', LOST, usualRetry()],
      ],
      [
        unanswered,
        'backingOff.usual',
        [...END_OF.resubscribing, DISCONNECTED, 'stop transport', LOST, usualRetry()],
      ],
      [
        event('disconnect'),
        'line.connected.session.flushing + line.connected.stability.settling',
        [...END_OF.resubscribing, 'emit connection.flushing', 'timer flushTimeout 5000', 'start flush'],
      ],
    ],
  },
  draining: {
    from: DRAINING,
    rows: [
      [
        event('queue.drained'),
        'line.connected.session.up.live + line.connected.stability.settling',
        ['stop drain', 'emit connection.live'],
      ],
      [event('subscriptions.settled'), STAYS, 'no effects'],
      [
        closed(),
        'backingOff.usual',
        [...END_OF.draining, DISCONNECTED, 'stop transport', LOST, usualRetry()],
      ],
      [
        queueFailed,
        'backingOff.usual',
        [...END_OF.draining, DISCONNECTED, 'stop transport', LOST, usualRetry()],
      ],
    ],
  },
  live: {
    from: LIVE,
    rows: [
      [closed(), 'backingOff.usual', [...END_OF.live, DISCONNECTED, 'stop transport', LOST, usualRetry()]],
      [
        closed('CONNECTION_REFUSED'),
        'backingOff.slow',
        [...END_OF.live, DISCONNECTED, 'stop transport', LOST, usualRetry(32_000)],
      ],
      [
        timer('stable', 'line.connected.stability.settling'),
        'line.connected.session.up.live + line.connected.stability.stable',
        'no effects',
      ],
      [timer('lifetime', 'line.connected.session.up'), STAYS, 'no effects'],
      [event('connect'), STAYS, 'no effects'],
      [event('queue.drained'), STAYS, 'no effects'],
      [event('outbox.flushed'), STAYS, 'no effects'],
      [
        event('disconnect'),
        'line.connected.session.flushing + line.connected.stability.settling',
        [...END_OF.live, 'emit connection.flushing', 'timer flushTimeout 5000', 'start flush'],
      ],
      [
        { type: 'disconnect', flushTimeoutMs: 70 } as EventObject,
        'line.connected.session.flushing + line.connected.stability.settling',
        [...END_OF.live, 'emit connection.flushing', 'timer flushTimeout 70', 'start flush'],
      ],
    ],
  },
  'live, with a lifetime': {
    from: [
      ...DIALING,
      connected({ lifetimeMs: 3_600_000 }),
      event('subscriptions.settled'),
      event('queue.drained'),
    ],
    rows: [
      [
        timer('lifetime', 'line.connected.session.up'),
        'line.connected.session.renewing + line.connected.stability.settling',
        [...END_OF.live, 'emit connection.flushing', 'timer flushTimeout 5000', 'start flush'],
      ],
    ],
  },
  flushing: {
    from: FLUSHING,
    rows: [
      [
        event('outbox.flushed'),
        'line.disconnecting.forGood',
        [...END_OF.flushing, DISCONNECTED, 'tell transport disconnect', 'timer goodbyeTimeout 1000'],
      ],
      [
        timer('flushTimeout', 'line.connected.session.flushing'),
        'line.disconnecting.forGood',
        [...END_OF.flushing, DISCONNECTED, 'tell transport disconnect', 'timer goodbyeTimeout 1000'],
      ],
      [
        event('connect'),
        'line.connected.session.renewing + line.connected.stability.settling',
        [...END_OF.flushing, 'emit connection.flushing', 'timer flushTimeout 5000', 'start flush'],
      ],
      [closed(), 'idle', [...END_OF.flushing, DISCONNECTED, 'stop transport', ENDED]],
      [failed('INTERNAL'), 'idle', [...END_OF.flushing, DISCONNECTED, 'stop transport', ENDED]],
      [broke('transport'), 'idle', [...END_OF.flushing, DISCONNECTED, 'stop transport', ENDED]],
      [event('subscriptions.settled'), STAYS, 'no effects'],
      [event('queue.drained'), STAYS, 'no effects'],
      [unanswered, STAYS, 'no effects'],
    ],
  },
  renewing: {
    from: RENEWING,
    rows: [
      [
        event('outbox.flushed'),
        'line.disconnecting.again',
        [...END_OF.renewing, DISCONNECTED, 'tell transport disconnect', 'timer goodbyeTimeout 1000'],
      ],
      [
        event('disconnect'),
        'line.connected.session.flushing + line.connected.stability.settling',
        [...END_OF.renewing, 'emit connection.flushing', 'timer flushTimeout 5000', 'start flush'],
      ],
      [
        closed(),
        'backingOff.usual',
        [...END_OF.renewing, DISCONNECTED, 'stop transport', LOST, usualRetry()],
      ],
      [event('connect'), STAYS, 'no effects'],
    ],
  },
  'disconnecting for good': {
    from: FOR_GOOD,
    rows: [
      [closed(), 'idle', ['stop transport', ENDED]],
      [failed('INTERNAL'), 'idle', ['stop transport', ENDED]],
      [broke('transport'), 'idle', ['stop transport', ENDED]],
      [timer('goodbyeTimeout', 'line.disconnecting.forGood'), 'idle', ['stop transport', ENDED]],
      [event('connect'), 'line.disconnecting.again', ['timer goodbyeTimeout 1000']],
      [event('disconnect'), STAYS, 'no effects'],
    ],
  },
  'disconnecting, to connect again': {
    from: AGAIN,
    rows: [
      [closed(), 'backingOff.once', ['stop transport', 'timer retry 0']],
      [failed('INTERNAL'), 'backingOff.once', ['stop transport', 'timer retry 0']],
      [broke('transport'), 'backingOff.once', ['stop transport', 'timer retry 0']],
      [
        timer('goodbyeTimeout', 'line.disconnecting.again'),
        'backingOff.once',
        ['stop transport', 'timer retry 0'],
      ],
      [event('disconnect'), 'line.disconnecting.forGood', ['timer goodbyeTimeout 1000']],
    ],
  },
  'backing off': {
    from: BACKING_OFF,
    rows: [
      [
        timer('retry', 'backingOff.usual'),
        'line.connecting.signingIn',
        ['start transport', 'timer attemptTimeout 15000'],
      ],
      [
        event('network.online'),
        'line.connecting.signingIn',
        ['start transport', 'timer attemptTimeout 15000'],
      ],
      [event('disconnect'), 'idle', [ENDED]],
      [event('connect'), STAYS, 'no effects'],
      [event('transport.signedIn'), STAYS, 'no effects'],
      [connected(), STAYS, 'no effects'],
      [closed(), STAYS, 'no effects'],
      [failed('INTERNAL'), STAYS, ['emit connection.faulted']],
    ],
  },
  failed: {
    from: FAILED,
    rows: [
      [event('connect'), 'line.connecting.signingIn', ['start transport', 'timer attemptTimeout 15000']],
      [event('disconnect'), 'idle', [ENDED]],
      [event('network.online'), STAYS, 'no effects'],
      [connected(), STAYS, 'no effects'],
      [broke('somebody'), STAYS, ['emit connection.faulted']],
    ],
  },
};

test('begins idle, and says so', () => {
  expect(start()).toMatchObject({ place: 'idle', effects: [ENDED] });
});

describe.each(Object.entries(TABLE))('%s', (_, { from, rows }) => {
  test.each(rows.map((row) => [row[0].type, ...row] as const))('%s', (_type, given, to, effects) => {
    const before = afterEvents(from);
    const reached = step(before.snapshot, given);
    expect(reached.place).toBe(to === STAYS ? before.place : to);
    expect(reached.effects).toEqual(effects === 'no effects' ? [] : effects);
  });
});

describe('what is remembered', () => {
  const contextAfter = (...events: EventObject[]) => afterEvents(events).snapshot.context;

  test('why there is no line, until there is one or nobody wants one', () => {
    expect(contextAfter(...BACKING_OFF).failure.code).toBe('DNS_FAILED');
    expect(contextAfter(...BACKING_OFF, event('network.online')).failure.code).toBe('DNS_FAILED');
    expect(contextAfter(...LIVE).failure).toBeUndefined();
    expect(contextAfter(...FAILED).failure.code).toBe('KEY_MISMATCH');
    expect(contextAfter(...FAILED, event('disconnect')).failure).toBeUndefined();
  });

  test('when the next attempt begins', () => {
    expect(contextAfter(...BACKING_OFF)).toMatchObject({ retryDelayMs: 1_000, retryAt: 1_001_000 });
    expect(contextAfter(...SLOW)).toMatchObject({ retryDelayMs: 32_000, retryAt: 1_032_000 });
  });

  test('a session no longer than it lasts', () => {
    expect(contextAfter(...LIVE).session).toEqual({ sessionPresent: false, receiveMaximum: 100 });
    for (const end of [closed(), unanswered]) expect(contextAfter(...LIVE, end).session).toBeUndefined();
    expect(contextAfter(...FOR_GOOD).session).toBeUndefined();
  });

  test('a refused sign-in: once is retried, twice in a row is retried slowly, an accepted one forgives', () => {
    const refused = failed('BAD_CREDENTIALS');
    const online = event('network.online');
    expect(afterEvents([...SIGNING_IN, refused]).place).toBe('backingOff.usual');
    expect(afterEvents([...SIGNING_IN, refused, online, refused]).place).toBe('backingOff.slow');
    expect(afterEvents([...SIGNING_IN, refused, online, failed('DNS_FAILED'), online, refused]).place).toBe(
      'backingOff.slow',
    );
    const accepted = [...SIGNING_IN, refused, online, connected(), closed(), online, refused];
    expect(afterEvents(accepted).place).toBe('backingOff.usual');
  });

  test('the bound of a planned end is that of its own command', () => {
    const short = { type: 'disconnect', flushTimeoutMs: 0 } as EventObject;
    expect(contextAfter(...LIVE, short).flushTimeoutMs).toBe(0);
    expect(contextAfter(...LIVE, short, event('connect')).flushTimeoutMs).toBe(5_000);
    const anotherLife = [...LIVE, short, closed(), ...DIALING, connected({ lifetimeMs: 1_000 })];
    const renewed = afterEvents([...anotherLife, timer('lifetime', 'line.connected.session.up')]);
    expect(renewed.snapshot.context.flushTimeoutMs).toBe(5_000);
  });
});

test('a transport that has no sign-in to report is accepted all the same', () => {
  expect(afterEvents([...SIGNING_IN, connected()]).place).toMatch(/up.resubscribing/);
});
