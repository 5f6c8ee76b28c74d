import { and, fromCallback, fromPromise, not, setup } from 'xstate';

/**
 * A machine to draw: one of everything a picture has to show (nesting, regions, delays, invokes, errors, eventless and
 * targetless transitions, wildcards, a final state), in the shape of a connection. It is never run.
 */
export const sampleMachine = setup({
  types: {
    events: {} as
      | { type: 'connect' | 'disconnect' | 'drain' | 'network.online' }
      | { type: 'transport.signedIn' | 'transport.connected' | 'transport.failed' | 'transport.closed' }
      | { type: 'queue.drained' }
      | { type: 'xstate.error.actor.transport'; error: unknown },
  },
  actors: {
    transport: fromCallback(() => undefined),
    resubscribe: fromPromise(async () => undefined),
    flush: fromPromise(async () => undefined),
  },
  actions: {
    countAttempt: () => undefined,
    drawDelay: () => undefined,
    forgive: () => undefined,
    rememberError: () => undefined,
    report: (_, _params: { level: string }) => undefined,
  },
  guards: {
    isFatal: () => false,
    isSlow: () => false,
    isPoisoned: () => false,
    hasQueue: () => true,
    isReauthentication: () => false,
  },
  delays: { retry: 1_000, attemptTimeout: 15_000, stable: 20_000, lifetime: () => 86_000_000 },
}).createMachine({
  id: 'sample',
  initial: 'idle',
  on: { 'xstate.error.*': { actions: { type: 'report', params: { level: 'error' } } } },
  states: {
    idle: { on: { connect: 'line' } },
    line: {
      tags: ['socket'],
      initial: 'connecting',
      invoke: {
        id: 'transport',
        src: 'transport',
        onError: { target: 'backingOff', actions: 'rememberError' },
      },
      on: {
        'transport.failed': [
          { guard: 'isFatal', target: 'failed', actions: 'rememberError' },
          { guard: 'isSlow', target: 'backingOff.slow', actions: 'rememberError' },
          { target: 'backingOff', actions: 'rememberError' },
        ],
        'transport.closed': { target: 'backingOff', actions: 'rememberError' },
      },
      states: {
        connecting: {
          entry: 'countAttempt',
          initial: 'signingIn',
          after: { attemptTimeout: '#sample.backingOff' },
          on: { disconnect: '#sample.idle', 'transport.connected': 'connected' },
          states: {
            signingIn: { on: { 'transport.signedIn': 'dialing' } },
            dialing: {},
          },
        },
        connected: {
          type: 'parallel',
          on: { disconnect: { target: 'disconnecting', reenter: true } },
          states: {
            session: {
              initial: 'up',
              states: {
                up: {
                  initial: 'resubscribing',
                  after: { lifetime: 'renewing' },
                  states: {
                    resubscribing: {
                      invoke: { src: 'resubscribe', onDone: 'draining', onError: '#sample.backingOff' },
                    },
                    draining: {
                      always: { guard: not('hasQueue'), target: 'live' },
                      on: { 'queue.drained': 'live' },
                    },
                    live: {
                      tags: ['live'],
                      on: { drain: { guard: and(['hasQueue', not('isPoisoned')]), target: 'draining' } },
                    },
                  },
                },
                renewing: {
                  invoke: { id: 'flush', src: 'flush', onDone: '#sample.line', onError: '#sample.line' },
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
          initial: 'forGood',
          after: { 5000: '#sample.idle' },
          on: { 'transport.*': '#sample.idle' },
          onDone: '#sample.backingOff.once',
          states: {
            forGood: { on: { connect: 'again' } },
            again: { on: { disconnect: 'forGood', 'transport.closed': 'gone' } },
            gone: { type: 'final' },
          },
        },
      },
    },
    backingOff: {
      entry: 'drawDelay',
      exit: 'countAttempt',
      initial: 'usual',
      after: { retry: 'line' },
      on: { disconnect: 'idle', 'network.online': 'line' },
      states: { usual: {}, slow: {}, once: {} },
    },
    failed: { on: { connect: 'line', disconnect: 'idle', '*': { actions: 'rememberError' } } },
  },
});
