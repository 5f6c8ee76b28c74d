import { assertEvent, assign, type ErrorActorEvent, type EventObject, enqueueActions, setup } from 'xstate';
import { type BackoffPolicy, backoffDelay } from '../protocol/backoff.ts';
import { systemRandom } from '../protocol/clock.ts';
import { IotError } from '../protocol/errors.ts';
import { Handle } from '../protocol/handle.ts';
import { REJECTION_CODES } from '../protocol/shadow-rejection.ts';
import { bounded } from './bounded.ts';
import { asIotError, guardedActor } from './guarded-actor.ts';
import type {
  ShadowOperationContext,
  ShadowOperationEvent,
  ShadowOperationFact,
  ShadowOperationInput,
  ShadowOperationOutput,
  ShadowOperationPorts,
  ShadowOutcome,
} from './shadow-operation.types.ts';
import { tell } from './tell.ts';

type Ports = Handle<ShadowOperationPorts>;

const failed = (error: IotError): ShadowOperationEvent => ({ type: 'actor.failed', error });

/** An actor that is one call of a port: what the port returns frees it. */
const calling = (
  call: (ports: ShadowOperationPorts, send: (event: ShadowOperationEvent) => void) => () => void,
) =>
  guardedActor<EventObject, { readonly ports: Ports }, ShadowOperationEvent>(({ input, send, onEnd }) => {
    onEnd(call(Handle.open(input.ports), send));
  }, failed);

const line = calling((ports, send) => ports.watchLine(send));
const slot = calling((ports, send) => ports.takeSlot(() => send({ type: 'slot.taken' })));
const listener = calling((ports, send) => ports.listen(send));
const publisher = calling((ports, send) => ports.publish(send));
const releaser = calling((ports, send) => ports.onReleased(() => send({ type: 'topics.released' })));

/** AWS counts by the second: a quarter of one at first, and no longer than a caller waits. */
const THROTTLE: BackoffPolicy = Object.freeze({
  baseMs: 250,
  maxMs: 2_000,
  stableMs: 10_000,
  jitter: 'equal',
  firstRetryWithinMs: 0,
});
/** An UNSUBACK that takes longer is the business of the subscriptions machine, which gives the line up. */
const RELEASE_TIMEOUT_MS = 30_000;

const _shadowOperationMachine = setup({
  types: {
    input: {} as ShadowOperationInput,
    context: {} as ShadowOperationContext,
    events: {} as ShadowOperationEvent | ErrorActorEvent,
    emitted: {} as ShadowOperationFact,
    output: {} as ShadowOperationOutput,
  },
  actors: { line, slot, listener, publisher, releaser },
  delays: {
    deadline: ({ context }) => bounded(context.timeoutMs),
    throttle: ({ context }) =>
      backoffDelay(THROTTLE, context.throttles - 1, Handle.open(context.ports).random ?? systemRandom),
    releaseTimeout: RELEASE_TIMEOUT_MS,
  },
  guards: {
    waitsForConnection: ({ context }) => context.waitForConnection,
    keepsTopics: ({ context }) => context.keepsTopics,
    isThrottled: ({ context }) => context.throttledBy !== undefined,
    saysTooManyRequests: ({ event }) =>
      event.type === 'response.rejected' && event.error.reasonCode === REJECTION_CODES.tooManyRequests,
  },
  actions: {
    rememberThrottle: assign(({ context, event }) => {
      assertEvent(event, 'response.rejected');
      return { throttles: context.throttles + 1, throttledBy: event.error };
    }),
    forgetThrottle: assign({ throttledBy: undefined }),
    rememberHint: assign({
      hint: ({ event }) => {
        assertEvent(event, 'response.uncorrelated');
        return event.error;
      },
    }),
    conclude: assign({
      outcome: ({ context, event }, { type }: { readonly type: ShadowOutcome['type'] }) =>
        outcomeOf(type, context, event),
    }),
    tellEnd: enqueueActions(({ context, enqueue }) => {
      if (context.outcome === undefined) return;
      tell(context, enqueue, { type: 'operation.ended', outcome: context.outcome });
    }),
  },
}).createMachine({
  id: 'shadowOperation',
  context: ({ input }) => ({
    ports: input.ports,
    kind: input.kind,
    timeoutMs: input.timeoutMs ?? 5_000,
    waitForConnection: input.waitForConnection ?? false,
    keepsTopics: input.keepsTopics ?? false,
    parent: input.parent,
    throttles: 0,
    throttledBy: undefined,
    hint: undefined,
    outcome: undefined,
  }),
  initial: 'open',
  states: {
    open: {
      invoke: {
        id: 'line',
        src: 'line',
        input: ({ context }) => ({ ports: context.ports }),
        onError: 'ended.failed',
      },
      on: {
        abort: 'ended.aborted',
        'actor.failed': 'ended.failed',
        'xstate.error.*': 'ended.failed',
      },
      initial: 'waiting',
      states: {
        /** For a line. Nothing is held. */
        waiting: {
          on: {
            'line.up': 'engaged',
            'line.lost': [{ guard: 'waitsForConnection' }, { target: '#shadowOperation.ended.disconnected' }],
          },
        },
        /** There is a line, and nothing has been sent on it. */
        engaged: {
          invoke: {
            id: 'slot',
            src: 'slot',
            input: ({ context }) => ({ ports: context.ports }),
            onError: '#shadowOperation.ended.failed',
          },
          on: {
            'line.lost': [
              { guard: 'waitsForConnection', target: 'waiting' },
              { target: '#shadowOperation.ended.disconnected' },
            ],
          },
          initial: 'queueing',
          states: {
            /** For one of the places that a connection has for requests without an answer. */
            queueing: { on: { 'slot.taken': 'listening' } },
            listening: {
              invoke: {
                id: 'listener',
                src: 'listener',
                input: ({ context }) => ({ ports: context.ports }),
                onError: '#shadowOperation.ended.failed',
              },
              on: {
                'topics.refused': '#shadowOperation.ended.failed',
                'request.failed': '#shadowOperation.ended.failed',
              },
              initial: 'subscribing',
              states: {
                subscribing: { on: { 'topics.granted': 'publishing' } },
                publishing: {
                  invoke: {
                    id: 'publisher',
                    src: 'publisher',
                    input: ({ context }) => ({ ports: context.ports }),
                    onError: '#shadowOperation.ended.failed',
                  },
                  on: { 'request.sent': 'sent' },
                },
                /** The deadline counts from here. An answer before was to a request of somebody else, who uses the same token. */
                sent: {
                  after: {
                    deadline: [
                      { guard: 'isThrottled', target: '#shadowOperation.ended.rejected' },
                      { target: '#shadowOperation.ended.timedOut' },
                    ],
                  },
                  on: {
                    'response.accepted': '#shadowOperation.ended.accepted',
                    'response.rejected': [
                      // Told twice: it is going to be asked again already.
                      { guard: 'saysTooManyRequests' },
                      { target: '#shadowOperation.ended.rejected' },
                    ],
                    'response.uncorrelated': { actions: 'rememberHint' },
                    'topics.refused': '#shadowOperation.ended.outcomeUnknown',
                  },
                  initial: 'pending',
                  states: {
                    pending: {
                      entry: 'forgetThrottle',
                      on: {
                        'response.rejected': {
                          guard: 'saysTooManyRequests',
                          target: 'throttled',
                          actions: 'rememberThrottle',
                        },
                        'line.lost': '#shadowOperation.ended.outcomeUnknown',
                      },
                    },
                    /** AWS has done nothing, because too much was asked of it: the same is asked again. */
                    throttled: {
                      after: { throttle: 'republishing' },
                      on: { 'line.lost': '#shadowOperation.ended.rejected' },
                    },
                    republishing: {
                      invoke: {
                        id: 'publisher',
                        src: 'publisher',
                        input: ({ context }) => ({ ports: context.ports }),
                        onError: '#shadowOperation.ended.failed',
                      },
                      on: {
                        'request.sent': 'pending',
                        'line.lost': '#shadowOperation.ended.rejected',
                      },
                    },
                  },
                },
              },
            },
          },
        },
      },
    },

    /** The outcome is known, and told. */
    ended: {
      always: [{ guard: 'keepsTopics', target: 'done' }, { target: 'unsubscribing' }],
      initial: 'aborted',
      states: {
        accepted: { entry: [{ type: 'conclude', params: { type: 'accepted' } }, 'tellEnd'] },
        rejected: { entry: [{ type: 'conclude', params: { type: 'rejected' } }, 'tellEnd'] },
        /** It could not be asked at all. */
        failed: { entry: [{ type: 'conclude', params: { type: 'failed' } }, 'tellEnd'] },
        timedOut: { entry: [{ type: 'conclude', params: { type: 'timedOut' } }, 'tellEnd'] },
        aborted: { entry: [{ type: 'conclude', params: { type: 'aborted' } }, 'tellEnd'] },
        disconnected: { entry: [{ type: 'conclude', params: { type: 'disconnected' } }, 'tellEnd'] },
        outcomeUnknown: { entry: [{ type: 'conclude', params: { type: 'outcomeUnknown' } }, 'tellEnd'] },
      },
    },

    /** Nobody else needs its topics: the broker is asked to forget them. */
    unsubscribing: {
      invoke: {
        id: 'releaser',
        src: 'releaser',
        input: ({ context }) => ({ ports: context.ports }),
        onError: 'done',
      },
      after: { releaseTimeout: 'done' },
      // Who aborts what has ended wants nothing to be left.
      on: { 'topics.released': 'done', 'actor.failed': 'done', abort: 'done' },
    },

    done: { type: 'final' },
  },
  output: ({ context }) => ({ outcome: context.outcome ?? neverEnded() }),
});

function outcomeOf(
  type: ShadowOutcome['type'],
  context: ShadowOperationContext,
  event: ShadowOperationEvent | ErrorActorEvent,
): ShadowOutcome {
  if (type === 'accepted') {
    return { type, version: event.type === 'response.accepted' ? event.version : undefined };
  }
  return { type, error: errorOf(type, context, event) };
}

function errorOf(
  type: Exclude<ShadowOutcome['type'], 'accepted'>,
  { kind, timeoutMs, throttledBy, hint }: ShadowOperationContext,
  event: ShadowOperationEvent | ErrorActorEvent,
): IotError {
  switch (type) {
    case 'timedOut':
      return timedOut(kind, timeoutMs, hint);
    case 'disconnected':
      return new IotError('DISCONNECTED', `there is no line, and the ${kind} of a shadow is never queued`, {
        remediation: 'Wait until the client is connected, or ask with waitForConnection: true.',
      });
    case 'outcomeUnknown':
      return outcomeUnknown(kind, event.type === 'topics.refused' ? event.error : undefined);
    default:
      if ('error' in event) return asIotError(event.error);
      // Throttled to the end: what was said last is what it was refused with.
      return throttledBy ?? asIotError(undefined);
  }
}

function outcomeUnknown(kind: string, refusal: IotError | undefined): IotError {
  const what = refusal === undefined ? 'the line ended' : 'the broker took the topics of the answer back';
  return new IotError('OUTCOME_UNKNOWN', `${what} before the answer to the ${kind} came`, {
    outcomeUnknown: kind !== 'get',
    remediation:
      'get() tells what the shadow is. When it comes each time, the policy may not allow iot:Publish on the topics of this shadow.',
    ...(refusal === undefined ? {} : { cause: refusal }),
  });
}

function timedOut(kind: string, timeoutMs: number, hint: IotError | undefined): IotError {
  const why = hint === undefined ? '' : `; meanwhile this came, without saying for what: ${hint.message}`;
  return new IotError('TIMEOUT', `no answer to the ${kind} within ${timeoutMs} ms${why}`, {
    outcomeUnknown: kind !== 'get',
    ...(hint === undefined ? {} : { cause: hint }),
  });
}

function neverEnded(): never {
  throw new IotError('INTERNAL', 'a shadow operation is done without an outcome');
}

type _ShadowOperationMachine = typeof _shadowOperationMachine;
/** One request about a shadow, from the wish to its end. It knows nothing of shadows but the words: its topics are its ports' business. */
export interface ShadowOperationMachine extends _ShadowOperationMachine {}
/** One request, from its start to its outcome; done when it has ended. Runs alone with ports of your own. */
export const shadowOperationMachine: ShadowOperationMachine = _shadowOperationMachine;
