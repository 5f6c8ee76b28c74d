import { assertEvent, assign, enqueueActions, sendTo, setup } from 'xstate';
import { type BackoffPolicy, backoffDelay } from '../protocol/backoff.ts';
import { systemRandom } from '../protocol/clock.ts';
import { IotError } from '../protocol/errors.ts';
import { Handle } from '../protocol/handle.ts';
import { line, offer, topics } from './device-shadow.actors.ts';
import { bringsDelta, type Events, outcomeOf, versionOf } from './device-shadow.events.ts';
import type {
  DeviceShadowContext,
  DeviceShadowFact,
  DeviceShadowInput,
  WatchedTopics,
} from './device-shadow.types.ts';
import { asIotError } from './guarded-actor.ts';
import { shadowOperationMachine } from './shadow-operation.machine.ts';
import { failureOf, following, judge, keepEarly, takeVersion, UNKNOWN } from './shadow-versions.ts';
import { tell } from './tell.ts';

const NOTHING: WatchedTopics = Object.freeze({ deltas: false, documents: false });
const RESYNC: BackoffPolicy = Object.freeze({
  baseMs: 1_000,
  maxMs: 60_000,
  stableMs: 120_000,
  jitter: 'equal',
  firstRetryWithinMs: 0,
});
/** So many gets in a row came to nothing: the next one does not wait for a line alone. */
const MANY_FAILURES = 3;

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
    /** What it brings, or says of it, comes after the copy: right after it, anywhere after it, or with it. */
    follows: ({ context, event }) => versionOf(event) === (context.versions.copy ?? Number.NaN) + 1,
    isNewer: ({ context, event }) => versionOf(event) > (context.versions.copy ?? -1),
    isNoOlder: ({ context, event }) => versionOf(event) >= (context.versions.copy ?? -1),
    failsOften: ({ context }) => context.failures >= MANY_FAILURES,
    hasNoCopy: ({ context }) => context.versions.copy === undefined,
    /** One that was forgotten, because nobody watched, is new to whoever watches now. */
    isNewDelta: ({ context, event }) =>
      context.watched.deltas &&
      bringsDelta(event) &&
      event.version >= (context.versions.delta ?? -1) + (context.hasDelta ? 1 : 0),
    isSameDelta: ({ context, event }) => bringsDelta(event) && event.version === context.versions.delta,
    saysNoDelta: ({ context, event }) =>
      event.type === 'document.received' &&
      !event.hasDelta &&
      event.version >= (context.versions.delta ?? -1),
    /** A delta of the same version or a newer one is not known to that copy. */
    isResolved: ({ context, event }) => versionOf(event) > (context.versions.delta ?? -1),
    hasDelta: ({ context }) => context.hasDelta,
    hasNoDelta: ({ context }) => !context.hasDelta,
    isDeltaNewer: ({ context }) => context.isDeltaNewer && context.hasDelta,
    /** Somebody has asked for it, and there is none. */
    saysMissing: ({ event }) => event.type === 'shadow.deleted' && event.version === undefined,
    /** What was held is still held, and nothing can have been missed. */
    isNarrower: ({ context, event }) => {
      assertEvent(event, 'watch');
      const { deltas, documents } = event.watched;
      return (context.watched.deltas || !deltas) && (context.watched.documents || !documents);
    },
    isCurrent: ({ context, event }) => judge(context, outcomeOf(event)) === 'current',
    hasRestarted: ({ context, event }) => judge(context, outcomeOf(event)) === 'restarted',
    wasRefused: ({ context, event }) => judge(context, outcomeOf(event)) === 'refused',
  },
  actions: {
    /** Whoever watches deltas again is told the one that there is then. */
    rememberWatched: assign(({ event }) => {
      assertEvent(event, 'watch');
      const { watched } = event;
      return watched.deltas ? { watched } : { watched, hasDelta: false, isDeltaNewer: false };
    }),
    holdWatched: sendTo('topics', ({ context }) => ({ type: 'hold', watched: context.watched })),
    forgetWatched: assign({ watched: NOTHING, hasDelta: false, isDeltaNewer: false }),

    takeDocument: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, ['document.received', 'documents.received']);
      tell(context, enqueue, { type: 'copy.replaced', document: event.document });
      for (const { document } of following(context.early, event.version)) {
        tell(context, enqueue, { type: 'copy.merged', document });
      }
      enqueue.assign(takeVersion(context, event.version));
    }),
    takeUpdate: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'update.accepted');
      tell(context, enqueue, { type: 'copy.merged', document: event.document });
      enqueue.assign({ versions: { ...context.versions, copy: event.version } });
    }),
    keepEarly: assign({
      early: ({ context, event }) => {
        assertEvent(event, 'update.accepted');
        return keepEarly(context.early, { version: event.version, document: event.document });
      },
    }),
    /** The next version may be any: it may be made anew, with the counter of the old one or without. */
    takeDeletion: enqueueActions(({ context, enqueue }) => {
      tell(context, enqueue, { type: 'copy.deleted' });
      if (context.hasDelta) tell(context, enqueue, { type: 'delta.gone' });
      enqueue.assign({ versions: UNKNOWN, early: [], hasDelta: false, isDeltaNewer: false });
    }),
    noteNews: assign({
      seen: ({ context, event }) =>
        'version' in event ? Math.max(event.version ?? 0, context.seen ?? 0) : context.seen,
    }),
    doubt: assign({ isDoubtful: true }),
    forgetNews: assign({ early: [], seen: undefined, isDoubtful: false }),

    passDocuments: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'documents.received');
      const { watched, versions } = context;
      if (!watched.documents || event.version <= (versions.documents ?? -1)) return;
      tell(context, enqueue, { type: 'documents.passed', document: event.document });
      enqueue.assign({ versions: { ...versions, documents: event.version } });
    }),

    takeDelta: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, ['delta.received', 'document.received']);
      tell(context, enqueue, { type: 'delta.passed', document: event.document });
      const versions = { ...context.versions, delta: event.version };
      enqueue.assign({ hasDelta: true, isDeltaNewer: true, versions });
    }),
    takeNoDelta: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, ['document.received', 'delta.resolved']);
      if (context.hasDelta) tell(context, enqueue, { type: 'delta.gone' });
      const versions = { ...context.versions, delta: event.version };
      enqueue.assign({ hasDelta: false, isDeltaNewer: false, versions });
    }),
    beginOffer: assign({ isDeltaNewer: false }),
    offerAgain: assign({ isDeltaNewer: true }),

    countFailure: enqueueActions(({ context, event, enqueue }) => {
      enqueue.assign({ failures: context.failures + 1 });
      const error = 'output' in event ? failureOf(event.output.outcome) : undefined;
      if (error !== undefined) tell(context, enqueue, { type: 'shadow.unanswered', error });
    }),
    /** The line ends each time, so perhaps over it: AWS closes one over a publish that the policy denies. */
    tellCutShort: enqueueActions(({ context, enqueue }) => {
      const message = `the line has ended ${context.failures} times while it was asked for; the policy must allow iot:Publish on its topic get`;
      tell(context, enqueue, { type: 'shadow.unanswered', error: new IotError('OUTCOME_UNKNOWN', message) });
    }),
    forgive: assign({ failures: 0 }),
    tellSynced: enqueueActions(({ context, enqueue }) => tell(context, enqueue, { type: 'shadow.synced' })),
    tellUnsynced: enqueueActions(({ context, enqueue }) =>
      tell(context, enqueue, { type: 'shadow.unsynced' }),
    ),
    tellRefused: enqueueActions(({ context, event, enqueue }) => {
      const given = event.type === 'topics.refused' ? event : outcomeOf(event);
      const error = asIotError('error' in given ? given.error : undefined);
      tell(context, enqueue, { type: 'shadow.refused', error });
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
    seen: undefined,
    isDoubtful: false,
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
        'document.received': { guard: 'isNewer', actions: 'takeDocument' },
        'documents.received': [
          { guard: 'isNewer', actions: ['passDocuments', 'takeDocument'] },
          { actions: 'passDocuments' },
        ],
        'update.accepted': { guard: 'follows', actions: 'takeUpdate' },
        'shadow.deleted': { guard: 'isNoOlder', actions: 'takeDeletion' },
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
          on: {
            watch: [
              { guard: 'isNarrower', actions: ['rememberWatched', 'holdWatched'] },
              { target: '.subscribing', actions: ['rememberWatched', 'holdWatched'] },
            ],
            unwatch: { target: 'unwatched', actions: 'forgetWatched' },
            'line.lost': '.subscribing',
            'topics.refused': { target: '.refused', actions: 'tellRefused' },
          },
          initial: 'subscribing',
          states: {
            /** For a line, and for the broker to grant what is watched: only then nothing can be missed. */
            subscribing: {
              on: {
                'topics.granted': [
                  { guard: 'failsOften', target: 'retrying', actions: 'tellCutShort' },
                  { target: 'asking' },
                ],
              },
            },
            /** What comes meanwhile is compared with the answer: either may be the older one. */
            asking: {
              exit: 'forgetNews',
              invoke: {
                id: 'get',
                src: 'operation',
                input: ({ context }) => ({
                  ports: Handle.open(context.ports).openGet(),
                  kind: 'get',
                  keepsTopics: true,
                }),
                onDone: [
                  { guard: 'isCurrent', target: 'synced', actions: 'forgive' },
                  { guard: 'wasRefused', target: 'refused', actions: 'tellRefused' },
                  { guard: 'hasRestarted', target: 'retrying', actions: ['takeDeletion', 'countFailure'] },
                  { target: 'retrying', actions: 'countFailure' },
                ],
                onError: { target: 'retrying', actions: ['countFailure', 'tellFault'] },
              },
              on: {
                // AWS may have another one of this version: made anew, or what was merged last was wrong.
                'document.received': { guard: 'isNoOlder', actions: ['takeDocument', 'noteNews'] },
                'documents.received': {
                  guard: 'isNewer',
                  actions: ['passDocuments', 'takeDocument', 'noteNews'],
                },
                // Merged only into the document that is asked for: what the copy has now may have been deleted meanwhile.
                'update.accepted': { guard: 'isNewer', actions: ['keepEarly', 'noteNews'] },
                'delta.received': { actions: 'noteNews' },
                'shadow.deleted': [
                  { guard: 'saysMissing', actions: 'takeDeletion' },
                  { guard: 'isNoOlder', actions: ['takeDeletion', 'doubt'] },
                  { actions: 'doubt' },
                ],
                'copy.uncertain': { actions: 'doubt' },
                'line.lost': { target: 'subscribing', actions: 'countFailure' },
              },
            },
            retrying: { after: { resync: 'asking' } },
            synced: {
              entry: 'tellSynced',
              exit: 'tellUnsynced',
              on: {
                // Where there was none, something is either new or overtaken by its deletion: AWS knows.
                'document.received': { guard: 'hasNoCopy', target: 'asking', actions: 'takeDocument' },
                'documents.received': {
                  guard: 'hasNoCopy',
                  target: 'asking',
                  actions: ['passDocuments', 'takeDocument'],
                },
                'delta.received': { guard: 'hasNoCopy', target: 'asking' },
                'update.accepted': [
                  { guard: 'follows', actions: 'takeUpdate' },
                  { guard: 'isNewer', target: 'asking' },
                ],
                'shadow.deleted': [
                  { guard: 'hasNoCopy', actions: 'takeDeletion' },
                  { guard: 'saysMissing', target: 'asking', actions: 'takeDeletion' },
                  { guard: 'isNoOlder', actions: 'takeDeletion' },
                  // What was merged since was merged into what had been deleted.
                  { target: 'asking' },
                ],
                'copy.uncertain': 'asking',
              },
            },
            /** Until somebody watches anew: a filter that is refused is not asked for again and again. */
            refused: {
              on: {
                watch: {
                  target: 'subscribing',
                  actions: ['rememberWatched', 'holdWatched'],
                },
                'topics.granted': 'asking',
                'line.lost': {},
              },
            },
          },
        },
      },
    },

    /** Have the handlers taken the newest delta? */
    delta: {
      initial: 'none',
      on: {
        'delta.received': { guard: 'isNewDelta', target: '.offering', actions: 'takeDelta' },
        'document.received': [
          { guard: 'isNewDelta', target: '.offering', actions: 'takeDelta' },
          { guard: 'saysNoDelta', actions: 'takeNoDelta' },
        ],
        'delta.resolved': { guard: 'isResolved', actions: 'takeNoDelta' },
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
            'delta.received': { guard: 'isNewDelta', actions: 'takeDelta' },
            'document.received': [
              { guard: 'isNewDelta', actions: 'takeDelta' },
              { guard: 'saysNoDelta', actions: 'takeNoDelta' },
            ],
            'handler.added': { actions: 'offerAgain' },
            'delta.handled': [
              { guard: 'isDeltaNewer', target: 'offering', reenter: true },
              { target: 'none' },
            ],
            'delta.failed': [
              { guard: 'isDeltaNewer', target: 'offering', reenter: true },
              { target: 'outstanding' },
            ],
          },
        },
        /** A handler has failed: it is offered again when something changes. */
        outstanding: {
          always: { guard: 'hasNoDelta', target: 'none' },
          on: {
            'document.received': [
              { guard: 'isNewDelta', target: 'offering', actions: 'takeDelta' },
              { guard: 'isSameDelta', target: 'offering', actions: 'takeDelta' },
              { guard: 'saysNoDelta', actions: 'takeNoDelta' },
            ],
          },
        },
      },
    },
  },
});

type _DeviceShadowMachine = typeof _deviceShadowMachine;
/** One device shadow: whether the local copy is what AWS has, and whether the newest delta has been taken. */
export interface DeviceShadowMachine extends _DeviceShadowMachine {}
/** Watches one shadow and keeps its versions, once somebody sends it `watch`. Runs alone with ports of your own. */
export const deviceShadowMachine: DeviceShadowMachine = _deviceShadowMachine;
