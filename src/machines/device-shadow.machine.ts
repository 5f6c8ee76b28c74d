import {
  assertEvent,
  assign,
  type DoneActorEvent,
  type ErrorActorEvent,
  type EventObject,
  enqueueActions,
  sendTo,
  setup,
} from 'xstate';
import { type BackoffPolicy, backoffDelay } from '../protocol/backoff.ts';
import { systemRandom } from '../protocol/clock.ts';
import type { IotError } from '../protocol/errors.ts';
import { Handle } from '../protocol/handle.ts';
import type {
  DeviceShadowContext,
  DeviceShadowEvent,
  DeviceShadowFact,
  DeviceShadowInput,
  DeviceShadowPorts,
  EarlyUpdate,
  WatchedTopics,
} from './device-shadow.types.ts';
import { asIotError, guardedActor } from './guarded-actor.ts';
import { shadowOperationMachine } from './shadow-operation.machine.ts';
import type { ShadowOperationOutput, ShadowOutcome } from './shadow-operation.types.ts';
import { tell } from './tell.ts';

type Ports = Handle<DeviceShadowPorts>;

const failed = (error: IotError): DeviceShadowEvent => ({ type: 'actor.failed', error });

const line = guardedActor<EventObject, { readonly ports: Ports }, DeviceShadowEvent>(
  ({ input, send, onEnd }) => onEnd(Handle.open(input.ports).watchLine(send)),
  failed,
);

/** Holds the topics of what is watched, exactly as long as it lives. */
const topics = guardedActor<
  { readonly type: 'hold'; readonly watched: WatchedTopics },
  { readonly ports: Ports; readonly watched: WatchedTopics },
  DeviceShadowEvent
>(({ input, send, receive, onEnd }) => {
  const held = Handle.open(input.ports).watchTopics(input.watched, send);
  onEnd(held.release);
  receive(({ watched }) => held.change(watched));
}, failed);

/** Offers the newest delta to the handlers, and waits until they have done with it. */
const offer = guardedActor<EventObject, { readonly ports: Ports }, DeviceShadowEvent>(
  ({ input, send }) =>
    void Handle.open(input.ports)
      .offerDelta()
      .then(
        () => send({ type: 'delta.handled' }),
        () => send({ type: 'delta.failed' }),
      ),
  failed,
);

const NOTHING: WatchedTopics = Object.freeze({ deltas: false, documents: false });
const UNKNOWN = Object.freeze({ copy: undefined, delta: undefined, documents: undefined });
/** So many updates may come while the document is asked for; at 20 a second, AWS's limit, that is more than a second. */
const EARLY_UPDATES = 32;
const NOT_FOUND = 404;
const RESYNC: BackoffPolicy = Object.freeze({
  baseMs: 1_000,
  maxMs: 60_000,
  stableMs: 120_000,
  jitter: 'equal',
  firstRetryWithinMs: 0,
});

type Events = DeviceShadowEvent | ErrorActorEvent | DoneActorEvent<ShadowOperationOutput>;

const _deviceShadowMachine = setup({
  types: {
    input: {} as DeviceShadowInput,
    context: {} as DeviceShadowContext,
    events: {} as Events,
    emitted: {} as DeviceShadowFact,
    children: {} as { topics: 'topics'; get: 'operation' },
  },
  actors: { line, topics, offer, operation: shadowOperationMachine },
  delays: {
    resync: ({ context }) =>
      backoffDelay(RESYNC, context.failures - 1, Handle.open(context.ports).random ?? systemRandom),
  },
  guards: {
    follows: ({ context, event }) => {
      assertEvent(event, 'update.accepted');
      return event.version === (context.versions.copy ?? Number.NaN) + 1;
    },
    isAhead: ({ context, event }) => {
      assertEvent(event, 'update.accepted');
      return context.versions.copy === undefined || event.version > context.versions.copy;
    },
    isNewerDocument: ({ context, event }) => {
      assertEvent(event, ['document.received', 'documents.received']);
      return event.version > (context.versions.copy ?? -1);
    },
    isNewDelta: ({ context, event }) =>
      context.watched.deltas && bringsDelta(event) && event.version > (context.versions.delta ?? -1),
    isSameDelta: ({ context, event }) => bringsDelta(event) && event.version === context.versions.delta,
    saysNoDelta: ({ context, event }) =>
      event.type === 'document.received' &&
      !event.hasDelta &&
      event.version >= (context.versions.delta ?? -1),
    hasDelta: ({ context }) => context.hasDelta,
    isDeltaNewer: ({ context }) => context.isDeltaNewer && context.hasDelta,
    /** One that was overtaken by what was made since says nothing about that. */
    isNoOldDeletion: ({ context, event }) => {
      assertEvent(event, 'shadow.deleted');
      return event.version === undefined || event.version >= (context.versions.copy ?? -1);
    },
    /** What was held is still held, and nothing can have been missed. */
    isNarrower: ({ context, event }) => {
      assertEvent(event, 'watch');
      const { deltas, documents } = event.watched;
      return (context.watched.deltas || !deltas) && (context.watched.documents || !documents);
    },
    isBehind: ({ context }) => context.early.length > 0,
    wasAnswered: ({ event }) => {
      const { outcome } = (event as DoneActorEvent<ShadowOperationOutput>).output;
      return outcome.type === 'accepted' || isMissing(outcome);
    },
  },
  actions: {
    rememberWatched: assign({
      watched: ({ event }) => {
        assertEvent(event, 'watch');
        return event.watched;
      },
    }),
    holdWatched: sendTo('topics', ({ context }) => ({ type: 'hold', watched: context.watched })),
    forgetWatched: assign({ watched: NOTHING }),
    /** Whoever watches deltas again is told the one that there is then. */
    forgetUnwatchedDelta: assign(({ context }) =>
      context.watched.deltas
        ? {}
        : { hasDelta: false, isDeltaNewer: false, versions: { ...context.versions, delta: undefined } },
    ),

    replaceCopy: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, ['document.received', 'documents.received']);
      tell(context, enqueue, { type: 'copy.replaced', document: event.document });
    }),
    rememberReplaced: assign(({ context, event }) => {
      assertEvent(event, ['document.received', 'documents.received']);
      return takeEarly(context, event.version);
    }),
    /** What came before the document and follows it. */
    mergeEarly: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, ['document.received', 'documents.received', 'update.accepted']);
      for (const { document } of following(context.early, event.version)) {
        tell(context, enqueue, { type: 'copy.merged', document });
      }
    }),
    mergeCopy: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'update.accepted');
      tell(context, enqueue, { type: 'copy.merged', document: event.document });
    }),
    rememberMerged: assign(({ context, event }) => {
      assertEvent(event, 'update.accepted');
      return takeEarly(context, event.version);
    }),
    keepEarly: assign(({ context, event }) => {
      assertEvent(event, 'update.accepted');
      const { version, document } = event;
      const others = context.early.filter((one) => one.version !== version);
      const early = [...others, { version, document }].sort((a, b) => a.version - b.version);
      return { early: early.slice(-EARLY_UPDATES) };
    }),
    forgetEarly: assign({ early: [] }),

    passDocuments: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'documents.received');
      if (event.version <= (context.versions.documents ?? -1)) return;
      tell(context, enqueue, { type: 'documents.passed', document: event.document });
    }),
    rememberDocuments: assign(({ context, event }) => {
      assertEvent(event, 'documents.received');
      const documents = Math.max(event.version, context.versions.documents ?? -1);
      return { versions: { ...context.versions, documents } };
    }),

    passDelta: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, ['delta.received', 'document.received']);
      tell(context, enqueue, { type: 'delta.passed', document: event.document });
    }),
    rememberDelta: assign(({ context, event }) => {
      assertEvent(event, ['delta.received', 'document.received']);
      return { hasDelta: true, isDeltaNewer: true, versions: { ...context.versions, delta: event.version } };
    }),
    beginOffer: assign({ isDeltaNewer: false }),
    offerAgain: assign({ isDeltaNewer: true }),
    dropDelta: assign(({ context, event }) => {
      const version = event.type === 'document.received' ? event.version : context.versions.delta;
      return { hasDelta: false, isDeltaNewer: false, versions: { ...context.versions, delta: version } };
    }),
    tellNoDelta: enqueueActions(({ context, enqueue }) => tell(context, enqueue, { type: 'delta.gone' })),

    tellDeleted: enqueueActions(({ context, enqueue }) => tell(context, enqueue, { type: 'copy.deleted' })),
    /** The next version may be any: it may be made anew, with the counter of the old one or without. */
    forgetVersions: assign(({ context, event }) => {
      assertEvent(event, 'shadow.deleted');
      const early = context.early.filter(({ version }) => version > (event.version ?? -1));
      return { versions: UNKNOWN, early, hasDelta: false, isDeltaNewer: false };
    }),

    countFailure: assign({ failures: ({ context }) => context.failures + 1 }),
    forgive: assign({ failures: 0 }),
    tellSynced: enqueueActions(({ context, enqueue }) => tell(context, enqueue, { type: 'shadow.synced' })),
    tellUnsynced: enqueueActions(({ context, enqueue }) =>
      tell(context, enqueue, { type: 'shadow.unsynced' }),
    ),
    tellRefused: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'topics.refused');
      tell(context, enqueue, { type: 'shadow.refused', error: event.error });
    }),
    tellFault: enqueueActions(({ context, event, enqueue }) => {
      const error = asIotError('error' in event ? event.error : undefined);
      tell(context, enqueue, { type: 'shadow.faulted', error });
    }),

    countStarted: assign({ operations: ({ context }) => context.operations + 1 }),
    countEnded: assign({ operations: ({ context }) => Math.max(0, context.operations - 1) }),
    countUnmatched: assign({ unmatched: ({ context }) => context.unmatched + 1 }),
  },
}).createMachine({
  id: 'deviceShadow',
  context: ({ input }) => ({
    ports: input.ports,
    parent: input.parent,
    watched: NOTHING,
    versions: UNKNOWN,
    early: [],
    hasDelta: false,
    isDeltaNewer: false,
    failures: 0,
    operations: 0,
    unmatched: 0,
  }),
  on: {
    'operation.started': { actions: 'countStarted' },
    'operation.ended': { actions: 'countEnded' },
    'answer.unmatched': { actions: 'countUnmatched' },
    'xstate.error.*': { actions: 'tellFault' },
    'actor.failed': { actions: 'tellFault' },
  },
  type: 'parallel',
  states: {
    /** Is the local copy what AWS has? */
    copy: {
      initial: 'unwatched',
      on: {
        'document.received': {
          guard: 'isNewerDocument',
          actions: ['replaceCopy', 'mergeEarly', 'rememberReplaced'],
        },
        'documents.received': [
          {
            guard: 'isNewerDocument',
            actions: ['passDocuments', 'replaceCopy', 'mergeEarly', 'rememberReplaced', 'rememberDocuments'],
          },
          { actions: ['passDocuments', 'rememberDocuments'] },
        ],
        'update.accepted': {
          guard: 'follows',
          actions: ['mergeCopy', 'mergeEarly', 'rememberMerged'],
        },
        'shadow.deleted': { guard: 'isNoOldDeletion', actions: ['tellDeleted', 'forgetVersions'] },
      },
      states: {
        /** It has what operations brought, and may be old. */
        unwatched: {
          on: {
            watch: { target: 'watched', actions: 'rememberWatched' },
          },
        },
        watched: {
          invoke: [
            {
              id: 'line',
              src: 'line',
              input: ({ context }) => ({ ports: context.ports }),
              onError: { actions: 'tellFault' },
            },
            {
              id: 'topics',
              src: 'topics',
              input: ({ context }) => ({ ports: context.ports, watched: context.watched }),
              onError: { actions: 'tellFault' },
            },
          ],
          exit: 'forgetEarly',
          on: {
            watch: [
              { guard: 'isNarrower', actions: ['rememberWatched', 'holdWatched', 'forgetUnwatchedDelta'] },
              { target: '.subscribing', actions: ['rememberWatched', 'holdWatched'] },
            ],
            unwatch: { target: 'unwatched', actions: ['forgetWatched', 'forgetUnwatchedDelta'] },
            'line.lost': '.subscribing',
            'topics.refused': { target: '.refused', actions: 'tellRefused' },
            'update.accepted': [
              { guard: 'follows', actions: ['mergeCopy', 'mergeEarly', 'rememberMerged'] },
              { guard: 'isAhead', actions: 'keepEarly' },
            ],
          },
          initial: 'subscribing',
          states: {
            /** For a line, and for the broker to grant what is watched: only then nothing can be missed. */
            subscribing: { on: { 'topics.granted': 'asking' } },
            asking: {
              invoke: {
                id: 'get',
                src: 'operation',
                input: ({ context }) => ({
                  ports: Handle.open(context.ports).openGet(),
                  kind: 'get',
                  keepsTopics: true,
                }),
                onDone: [
                  { guard: 'wasAnswered', target: 'answered' },
                  { target: 'retrying', actions: 'countFailure' },
                ],
                onError: { target: 'retrying', actions: ['countFailure', 'tellFault'] },
              },
            },
            /** Lasts no time. What came meanwhile and does not follow says that the answer was old. */
            answered: {
              always: [
                { guard: 'isBehind', target: 'retrying', actions: 'countFailure' },
                { target: 'synced', actions: 'forgive' },
              ],
            },
            retrying: { after: { resync: 'asking' } },
            synced: {
              entry: 'tellSynced',
              exit: 'tellUnsynced',
              on: {
                'update.accepted': [
                  { guard: 'follows', actions: ['mergeCopy', 'mergeEarly', 'rememberMerged'] },
                  { guard: 'isAhead', target: 'asking', actions: 'keepEarly' },
                ],
                'copy.uncertain': 'asking',
              },
            },
            /** Until somebody watches anew: a filter that is refused is not asked for again and again. */
            refused: {},
          },
        },
      },
    },

    /** Have the handlers taken the newest delta? */
    delta: {
      initial: 'none',
      on: {
        'delta.received': {
          guard: 'isNewDelta',
          target: '.offering',
          actions: ['passDelta', 'rememberDelta'],
        },
        'document.received': [
          { guard: 'isNewDelta', target: '.offering', actions: ['passDelta', 'rememberDelta'] },
          { guard: 'saysNoDelta', target: '.none', actions: ['dropDelta', 'tellNoDelta'] },
        ],
        'shadow.deleted': { guard: 'isNoOldDeletion', target: '.none', actions: 'tellNoDelta' },
        'handler.added': { guard: 'hasDelta', target: '.offering' },
      },
      states: {
        /** There is none, or all have. */
        none: {},
        offering: {
          entry: 'beginOffer',
          invoke: {
            id: 'offer',
            src: 'offer',
            input: ({ context }) => ({ ports: context.ports }),
            onError: { target: 'outstanding', actions: 'tellFault' },
          },
          on: {
            // One at a time: what comes meanwhile is offered after it, and only the newest.
            'delta.received': { guard: 'isNewDelta', actions: ['passDelta', 'rememberDelta'] },
            'document.received': [
              { guard: 'isNewDelta', actions: ['passDelta', 'rememberDelta'] },
              { guard: 'saysNoDelta', actions: ['dropDelta', 'tellNoDelta'] },
            ],
            'shadow.deleted': { guard: 'isNoOldDeletion', actions: 'tellNoDelta' },
            'handler.added': { actions: 'offerAgain' },
            'delta.handled': [
              { guard: 'isDeltaNewer', target: 'offering', reenter: true },
              { target: 'none' },
            ],
            'delta.failed': [
              { guard: 'isDeltaNewer', target: 'offering', reenter: true },
              { guard: 'hasDelta', target: 'outstanding' },
              { target: 'none' },
            ],
          },
        },
        /** A handler has failed: it is offered again when something changes. */
        outstanding: {
          on: {
            'document.received': [
              { guard: 'isNewDelta', target: 'offering', actions: ['passDelta', 'rememberDelta'] },
              { guard: 'isSameDelta', target: 'offering', actions: 'passDelta' },
              { guard: 'saysNoDelta', target: 'none', actions: ['dropDelta', 'tellNoDelta'] },
            ],
          },
        },
      },
    },
  },
});

function bringsDelta(event: Events): event is Extract<DeviceShadowEvent, { type: 'delta.received' }> {
  return event.type === 'delta.received' || (event.type === 'document.received' && event.hasDelta);
}

function isMissing(outcome: ShadowOutcome): boolean {
  return outcome.type === 'rejected' && outcome.error.reasonCode === NOT_FOUND;
}

/** Those of the early updates that come right after this version, without a gap. */
function following(early: readonly EarlyUpdate[], version: number): readonly EarlyUpdate[] {
  const newer = early.filter((one) => one.version > version);
  const gap = newer.findIndex((one, index) => one.version !== version + 1 + index);
  return gap === -1 ? newer : newer.slice(0, gap);
}

/** The copy has this version now, and what follows it. */
function takeEarly({ versions, early }: DeviceShadowContext, version: number) {
  const copy = version + following(early, version).length;
  return { versions: { ...versions, copy }, early: early.filter((one) => one.version > copy) };
}

type _DeviceShadowMachine = typeof _deviceShadowMachine;
/** One device shadow: whether the local copy is what AWS has, and whether the newest delta has been taken. */
export interface DeviceShadowMachine extends _DeviceShadowMachine {}
export const deviceShadowMachine: DeviceShadowMachine = _deviceShadowMachine;
