import {
  assertEvent,
  assign,
  type ErrorActorEvent,
  type EventObject,
  enqueueActions,
  fromCallback,
  sendTo,
  setup,
} from 'xstate';
import { backoffDelay, DEFAULT_BACKOFF, slowestDelay } from '../protocol/backoff.ts';
import { MAX_DELAY_MS, systemClock, systemRandom } from '../protocol/clock.ts';
import { IotError } from '../protocol/errors.ts';
import { Handle } from '../protocol/handle.ts';
import { MQTT_LIMITS } from '../protocol/limits.ts';
import type { TransportFact } from '../protocol/transport.ts';
import { bounded } from './bounded.ts';
import type {
  ConnectionContext,
  ConnectionEvent,
  ConnectionFact,
  ConnectionInput,
  ConnectionPolicy,
  ConnectionPorts,
} from './connection.types.ts';
import { asIotError, guardedActor } from './guarded-actor.ts';
import { tell } from './tell.ts';

export const DEFAULT_POLICY: ConnectionPolicy = {
  backoff: DEFAULT_BACKOFF,
  attemptTimeoutMs: 15_000,
  resubscribeTimeoutMs: 30_000,
  flushTimeoutMs: 5_000,
  goodbyeTimeoutMs: 1_000,
};

/** The facts that the context alone tells. */
type ToldFact = Exclude<ConnectionFact['type'], 'connection.faulted'>;

// Not an interface: one would have to be exported for the declarations of the machine.
type TransportInput = {
  readonly ports: Handle<ConnectionPorts>;
  /** Why there is no line. */
  readonly previous: IotError | undefined;
};

/** The only socket there can be: it is opened on entering `line` and freed on leaving it, whatever the reason. */
const transport = guardedActor<{ type: 'disconnect' }, TransportInput, TransportFact>(
  ({ input, send, receive, onEnd }) => {
    const line = Handle.open(input.ports).openTransport(send, input.previous);
    onEnd(() => line.free());
    receive(() => line.disconnect());
  },
  (error) => ({ type: 'transport.failed', error }),
);

const flush = guardedActor<EventObject, { ports: Handle<ConnectionPorts> }, ConnectionEvent>(
  ({ input, send, onEnd }) => {
    const flushed = (): void => send({ type: 'outbox.flushed' });
    const { onFlushed } = Handle.open(input.ports);
    if (onFlushed) onEnd(onFlushed(flushed));
    else flushed();
  },
  // A planned end does not hang on a fault of ours: it goes on as if nothing were in flight.
  () => ({ type: 'outbox.flushed' }),
);

const _connectionMachine = setup({
  types: {
    input: {} as ConnectionInput,
    context: {} as ConnectionContext,
    events: {} as ConnectionEvent | ErrorActorEvent,
    emitted: {} as ConnectionFact,
    children: {} as { transport: 'transport' },
  },
  actors: {
    transport,
    flush,
    /** Waits for `subscriptions.settled`. Alone, there is nothing to wait for. */
    resubscription: fromCallback<EventObject>(({ sendBack }) => sendBack({ type: 'subscriptions.settled' })),
    /** Waits for `queue.drained`. Alone, there is nothing to wait for. */
    drain: fromCallback<EventObject>(({ sendBack }) => sendBack({ type: 'queue.drained' })),
  },
  delays: {
    attemptTimeout: ({ context }) => bounded(context.policy.attemptTimeoutMs),
    resubscribeTimeout: ({ context }) => bounded(context.policy.resubscribeTimeoutMs),
    flushTimeout: ({ context }) => bounded(context.flushTimeoutMs),
    goodbyeTimeout: ({ context }) => bounded(context.policy.goodbyeTimeoutMs),
    stable: ({ context }) => bounded(context.policy.backoff.stableMs),
    lifetime: ({ context }) => bounded(context.session?.lifetimeMs ?? MAX_DELAY_MS),
    quiet: ({ context }) => bounded(context.session?.caution?.quietMs ?? 0),
    retry: ({ context }) => bounded(context.retryDelayMs),
  },
  guards: {
    isFatal: ({ context }) => context.failure?.recovery === 'fatal' || context.failure?.recovery === 'none',
    isMendedOutside: ({ context }) => context.failure?.recovery === 'retrySlowly',
    isRefusedAgain: ({ context }) =>
      context.failure?.recovery === 'reauthenticate' && context.refusedSignIns > 1,
    isUnderInquiry: ({ context }) => context.session?.caution !== undefined,
    hasLifetime: ({ context }) => context.session?.lifetimeMs !== undefined,
  },
  actions: {
    tell: enqueueActions(({ context, enqueue }, { fact }: { fact: ToldFact }) => {
      tell(context, enqueue, factOf(fact, context));
    }),
    /** For what must not fail and did, where nothing follows from it. */
    tellFault: enqueueActions(({ context, event, enqueue }) => {
      const error = asIotError('error' in event ? event.error : undefined);
      tell(context, enqueue, { type: 'connection.faulted', error });
    }),
    sayGoodbye: sendTo('transport', { type: 'disconnect' }),
    rememberSession: assign(({ event }) => {
      assertEvent(event, 'transport.connected');
      return { session: event.session, failure: undefined, refusedSignIns: 0 };
    }),
    forgetSession: assign({ session: undefined }),
    rememberFailure: assign(({ context, event }) => {
      assertEvent(event, [
        'transport.failed',
        'transport.closed',
        'subscriptions.unanswered',
        'queue.failed',
      ]);
      const refused = event.error.recovery === 'reauthenticate' ? 1 : 0;
      return { failure: event.error, refusedSignIns: context.refusedSignIns + refused };
    }),
    rememberAttemptTimeout: assign({
      failure: ({ context }) =>
        new IotError('ATTEMPT_TIMEOUT', `no CONNACK within ${context.policy.attemptTimeoutMs} ms`),
    }),
    rememberResubscribeTimeout: assign({
      failure: ({ context }) =>
        new IotError(
          'OPERATION_TIMEOUT',
          `not resubscribed within ${context.policy.resubscribeTimeoutMs} ms`,
        ),
    }),
    rememberFault: assign({
      failure: ({ event }) =>
        new IotError('INTERNAL', 'an actor of the connection failed', {
          cause: 'error' in event ? event.error : undefined,
        }),
    }),
    rememberFlushTimeout: assign({
      flushTimeoutMs: ({ context, event }) =>
        (event.type === 'disconnect' ? event.flushTimeoutMs : undefined) ?? context.policy.flushTimeoutMs,
    }),
    drawUsualDelay: assign(({ context }) =>
      retryAfter(backoffDelay(context.policy.backoff, context.failures, randomOf(context)), context),
    ),
    drawSlowestDelay: assign(({ context }) =>
      retryAfter(slowestDelay(context.policy.backoff, randomOf(context)), context),
    ),
    drawNoDelay: assign(({ context }) => retryAfter(0, context)),
    countFailure: assign({ failures: ({ context }) => context.failures + 1 }),
    forgive: assign({ failures: 0 }),
    /** What closed the lines is found and will not be sent again: there is nothing more to wait for. */
    forgiveWhatIsMended: assign({
      failures: ({ context, event }) => {
        assertEvent(event, 'transport.closed');
        return event.isMended === true ? 0 : context.failures;
      },
    }),
    forgetFailure: assign({ failure: undefined }),
  },
}).createMachine({
  id: 'connection',
  context: ({ input }) => ({
    ports: input.ports,
    policy: { ...DEFAULT_POLICY, ...input.policy },
    parent: input.parent,
    failures: 0,
    refusedSignIns: 0,
    failure: undefined,
    retryDelayMs: 0,
    retryAt: 0,
    session: undefined,
    flushTimeoutMs: input.policy?.flushTimeoutMs ?? DEFAULT_POLICY.flushTimeoutMs,
  }),
  on: {
    // An actor that dies unforeseen must not take the machine, and with it the device, along.
    'xstate.error.*': { actions: 'tellFault' },
    // Where no transport runs: one that failed while it was freed.
    'transport.failed': { actions: 'tellFault' },
  },
  initial: 'idle',
  states: {
    idle: {
      entry: ['forgetFailure', { type: 'tell', params: { fact: 'connection.ended' } }],
      on: {
        connect: 'line',
        // Whoever asks for the end is told that it is there.
        disconnect: { actions: { type: 'tell', params: { fact: 'connection.ended' } } },
      },
    },

    line: {
      invoke: {
        id: 'transport',
        src: 'transport',
        input: ({ context }) => ({ ports: context.ports, previous: context.failure }),
        onError: { target: 'lost', actions: 'rememberFault' },
      },
      on: {
        'transport.failed': { target: 'lost', actions: 'rememberFailure' },
        'transport.closed': { target: 'lost', actions: ['rememberFailure', 'forgiveWhatIsMended'] },
      },
      initial: 'connecting',
      states: {
        connecting: {
          after: { attemptTimeout: { target: '#connection.lost', actions: 'rememberAttemptTimeout' } },
          on: {
            'transport.connected': { target: 'connected', actions: 'rememberSession' },
            disconnect: '#connection.idle',
          },
          initial: 'signingIn',
          states: {
            signingIn: { on: { 'transport.signedIn': 'dialing' } },
            dialing: {},
          },
        },

        connected: {
          entry: { type: 'tell', params: { fact: 'connection.connected' } },
          exit: ['forgetSession', { type: 'tell', params: { fact: 'connection.disconnected' } }],
          type: 'parallel',
          states: {
            session: {
              initial: 'up',
              states: {
                up: {
                  after: {
                    lifetime: { guard: 'hasLifetime', target: 'renewing', actions: 'rememberFlushTimeout' },
                  },
                  on: {
                    disconnect: { target: 'flushing', actions: 'rememberFlushTimeout' },
                    'subscriptions.unanswered': { target: '#connection.lost', actions: 'rememberFailure' },
                    'queue.failed': { target: '#connection.lost', actions: 'rememberFailure' },
                  },
                  initial: 'accepted',
                  states: {
                    accepted: {
                      always: [{ guard: 'isUnderInquiry', target: 'quiet' }, { target: 'resubscribing' }],
                    },
                    // Something closed the lines before this one: does it close also where nothing is sent?
                    quiet: { after: { quiet: 'resubscribing' } },
                    resubscribing: {
                      entry: { type: 'tell', params: { fact: 'connection.usable' } },
                      invoke: { id: 'resubscription', src: 'resubscription', onError: 'draining' },
                      after: {
                        resubscribeTimeout: {
                          target: '#connection.lost',
                          actions: 'rememberResubscribeTimeout',
                        },
                      },
                      on: { 'subscriptions.settled': 'draining' },
                    },
                    draining: {
                      entry: { type: 'tell', params: { fact: 'connection.resubscribed' } },
                      invoke: { id: 'drain', src: 'drain', onError: 'live' },
                      on: { 'queue.drained': 'live' },
                    },
                    live: {
                      entry: { type: 'tell', params: { fact: 'connection.live' } },
                    },
                  },
                },
                flushing: {
                  entry: { type: 'tell', params: { fact: 'connection.flushing' } },
                  invoke: {
                    id: 'flush',
                    src: 'flush',
                    input: ({ context }) => ({ ports: context.ports }),
                    onError: '#connection.line.disconnecting.forGood',
                  },
                  after: { flushTimeout: '#connection.line.disconnecting.forGood' },
                  on: {
                    'outbox.flushed': '#connection.line.disconnecting.forGood',
                    connect: { target: 'renewing', actions: 'rememberFlushTimeout' },
                    disconnect: { target: 'flushing', actions: 'rememberFlushTimeout', reenter: true },
                    'transport.closed': '#connection.idle',
                    'transport.failed': '#connection.idle',
                    'xstate.error.actor.transport': '#connection.idle',
                  },
                },
                renewing: {
                  entry: { type: 'tell', params: { fact: 'connection.flushing' } },
                  invoke: {
                    id: 'flush',
                    src: 'flush',
                    input: ({ context }) => ({ ports: context.ports }),
                    onError: '#connection.line.disconnecting.again',
                  },
                  after: { flushTimeout: '#connection.line.disconnecting.again' },
                  on: {
                    'outbox.flushed': '#connection.line.disconnecting.again',
                    disconnect: { target: 'flushing', actions: 'rememberFlushTimeout' },
                  },
                },
              },
            },
            stability: {
              initial: 'settling',
              states: {
                settling: { after: { stable: 'stable' } },
                stable: { entry: 'forgive' },
              },
            },
          },
        },

        disconnecting: {
          entry: 'sayGoodbye',
          initial: 'forGood',
          states: {
            forGood: {
              after: { goodbyeTimeout: '#connection.idle' },
              on: {
                connect: 'again',
                'transport.closed': '#connection.idle',
                'transport.failed': '#connection.idle',
                'xstate.error.actor.transport': '#connection.idle',
              },
            },
            again: {
              after: { goodbyeTimeout: '#connection.backingOff.once' },
              on: {
                disconnect: 'forGood',
                'transport.closed': '#connection.backingOff.once',
                'transport.failed': '#connection.backingOff.once',
                'xstate.error.actor.transport': '#connection.backingOff.once',
              },
            },
          },
        },
      },
    },

    // The one place where the reason of an end decides what follows.
    lost: {
      entry: { type: 'tell', params: { fact: 'connection.lost' } },
      always: [
        { guard: 'isFatal', target: 'failed' },
        { guard: 'isMendedOutside', target: 'backingOff.slow' },
        { guard: 'isRefusedAgain', target: 'backingOff.slow' },
        { target: 'backingOff.usual' },
      ],
    },

    backingOff: {
      on: { 'network.online': 'line', disconnect: 'idle' },
      initial: 'usual',
      // Each draws its delay on entry, and only then starts the timer: so the timer cannot stand on this state itself.
      states: {
        usual: { entry: ['drawUsualDelay', 'countFailure'], after: { retry: '#connection.line' } },
        slow: { entry: ['drawSlowestDelay', 'countFailure'], after: { retry: '#connection.line' } },
        once: { entry: 'drawNoDelay', after: { retry: '#connection.line' } },
      },
    },

    failed: {
      entry: { type: 'tell', params: { fact: 'connection.failed' } },
      on: { connect: 'line', disconnect: 'idle' },
    },
  },
});

function randomOf(context: ConnectionContext): () => number {
  return Handle.open(context.ports).random ?? systemRandom;
}

function retryAfter(delayMs: number, context: ConnectionContext): { retryDelayMs: number; retryAt: number } {
  const { now = () => systemClock.now() } = Handle.open(context.ports);
  return { retryDelayMs: delayMs, retryAt: Math.round(now() + delayMs) };
}

function factOf(type: ToldFact, { session, failure }: ConnectionContext): ConnectionFact {
  switch (type) {
    case 'connection.connected':
    case 'connection.usable':
      return {
        type,
        session: session ?? { sessionPresent: false, receiveMaximum: MQTT_LIMITS.receiveMaximum },
      };
    case 'connection.lost':
    case 'connection.failed':
      return { type, error: failure ?? new IotError('INTERNAL', 'the line ended without a reason') };
    default:
      return { type };
  }
}

type _ConnectionMachine = typeof _connectionMachine;
/** The life of one connection: sign in, dial, resubscribe, drain, be live, break, back off, come back. */
export interface ConnectionMachine extends _ConnectionMachine {}
/** Runs over any transport: `createActor(connectionMachine, { input: { ports: new Handle({ openTransport }) } })`. */
export const connectionMachine: ConnectionMachine = _connectionMachine;
