import type { AnyMachineSnapshot } from 'xstate';
import {
  type DeviceShadowContext,
  type DeviceShadowMachine,
  deviceShadowMachine,
  Handle,
  type WatchedTopics,
} from '../machines/index.ts';
import type { IotError } from '../protocol/errors.ts';
import { ShadowRejectedError } from '../protocol/shadow-rejection.ts';
import { eventWords } from './event-words.ts';
import type { Claim, ModelEvent } from './graph.ts';
import { type MachineModel, machineModel } from './machine-model.ts';
import { broke, errorOf, isIn, refuse } from './model-events.ts';
import { withoutActors } from './never-ending.ts';

/**
 * A model of {@link deviceShadowMachine}: is the copy what AWS has, and have the handlers taken the newest delta. Its events are
 * what is watched, topics granted and refused, every message of a shadow in the versions that make a difference, answers to
 * its own get, what handlers do, a line that is lost, and the faults of its actors.
 */
export function deviceShadowModel(): MachineModel<DeviceShadowMachine> {
  return machineModel(withoutActors(deviceShadowMachine), {
    input: {
      ports: new Handle({
        watchLine: refuse,
        watchTopics: refuse,
        openGet: () => new Handle({}) as never,
        offerDelta: refuse,
        random: () => 0,
      }),
    },
    events: ({ context, children }) => [
      ...commands(context),
      ...messages(context),
      ...(Object.keys(children).includes('get') ? answers(context) : []),
      ...ALWAYS,
    ],
    abstract,
    describe,
    claims: CLAIMS,
  });
}

const newest = ({
  versions: { copy = 0, delta = 0, documents = 0 },
  seen = 0,
}: DeviceShadowContext): number => Math.max(copy, delta, documents, seen);

/** What decides about the next step, and no version by itself: only which is newer counts. */
function abstract(context: DeviceShadowContext): unknown {
  const { watched, versions, early, seen, isDoubtful, hasDelta, isDeltaNewer, failures } = context;
  const { copy, delta } = versions;
  return [
    watched,
    copy !== undefined,
    Math.sign((delta ?? 0) - (copy ?? 0)),
    early.length > 0,
    seen !== undefined,
    isDoubtful,
    hasDelta,
    isDeltaNewer,
    Math.min(failures, MANY_FAILURES),
  ];
}

/** From so many on it waits before it asks again. */
const MANY_FAILURES = 3;
/** A newer version than this would only be the same again. */
const NEWEST_VERSION = 4;

const watch = (watched: WatchedTopics): ModelEvent => ({ type: 'watch', watched });
const document = new Handle({});

const ALWAYS: readonly ModelEvent[] = [
  { type: 'unwatch' },
  { type: 'topics.granted' },
  { type: 'topics.refused', error: errorOf('SUBSCRIPTION_REFUSED') },
  { type: 'line.lost' },
  { type: 'handler.added' },
  { type: 'delta.handled' },
  { type: 'delta.failed' },
  { type: 'copy.uncertain' },
  { type: 'operation.started' },
  { type: 'operation.ended', outcome: { type: 'accepted', version: 1 } },
  { type: 'answer.unmatched' },
  { type: 'actor.failed', error: errorOf('INTERNAL') },
  ...['line', 'topics', 'offer', 'unforeseen'].map(broke),
];

function commands({ watched, versions: { copy = 0 } }: DeviceShadowContext): ModelEvent[] {
  return [
    watch({ deltas: true, documents: !watched.documents }),
    watch({ deltas: true, documents: watched.documents }),
    { type: 'delta.resolved', version: copy },
  ];
}

/** The next version, one too far, the one that is known, and news of a deletion, old and new. */
function messages(context: DeviceShadowContext): ModelEvent[] {
  const { copy, delta } = context.versions;
  const next = newest(context) + 1;
  const known: ModelEvent[] = [
    { type: 'shadow.deleted' },
    { type: 'shadow.deleted', version: newest(context) },
    ...(copy === undefined
      ? []
      : [
          { type: 'shadow.deleted', version: 0 },
          { type: 'documents.received', version: copy, document },
        ]),
    ...(delta === undefined ? [] : [{ type: 'document.received', version: delta, hasDelta: true, document }]),
  ];
  if (next > NEWEST_VERSION) return known;
  return [
    { type: 'document.received', version: next, hasDelta: false, document },
    { type: 'document.received', version: next, hasDelta: true, document },
    { type: 'documents.received', version: next, document },
    ...(copy === undefined ? [] : [{ type: 'update.accepted', version: copy + 1, document }]),
    { type: 'update.accepted', version: next + 1, document },
    { type: 'delta.received', version: next, document },
    ...known,
  ];
}

/** How its own get may end; the document of an answer is told before. */
function answers({ versions: { copy } }: DeviceShadowContext): ModelEvent[] {
  const done = (outcome: object): ModelEvent => ({ type: 'xstate.done.actor.get', output: { outcome } });
  const rejected = (code: number): IotError =>
    new ShadowRejectedError('get', { code, message: 'made by the model' });
  return [
    ...(copy === undefined ? [] : [done({ type: 'accepted', version: copy })]),
    ...(copy === undefined || copy < 2 ? [] : [done({ type: 'accepted', version: copy - 1 })]),
    done({ type: 'rejected', error: rejected(404) }),
    done({ type: 'rejected', error: rejected(500) }),
    done({ type: 'failed', error: errorOf('SUBSCRIPTION_REFUSED') }),
    broke('get'),
  ];
}

function describe(event: ModelEvent): string {
  const { type, watched, output } = event;
  if (type === 'watch') return (watched as WatchedTopics).documents ? 'watch (documents too)' : type;
  return type === 'xstate.done.actor.get' ? `get ends (${endOf(output)})` : eventWords(event);
}

function endOf(output: unknown): string {
  const { outcome } = output as {
    readonly outcome: { readonly type: string; readonly [key: string]: unknown };
  };
  const { type, version, error } = outcome;
  if (typeof version === 'number') return `version ${version}`;
  const { reasonCode } = (error ?? {}) as { readonly reasonCode?: number };
  return reasonCode === undefined ? type : String(reasonCode);
}

const WATCHED = 'copy.watched';
const isWatched = isIn(WATCHED);
const isSynced = isIn(`${WATCHED}.synced`);
const isAsking = isIn(`${WATCHED}.asking`);
const isOffering = isIn('delta.offering');
const contextOf = ({ context }: AnyMachineSnapshot): DeviceShadowContext => context as DeviceShadowContext;

const CLAIMS: readonly Claim[] = [
  {
    description: 'it becomes synced only by the end of its own get',
    broken: ({ edges }) =>
      edges.filter(
        ({ from, event, to }) =>
          isSynced(to) && !isSynced(from) && !(isAsking(from) && event.type === 'xstate.done.actor.get'),
      ),
  },
  {
    description: 'it asks exactly while its get lives, and offers exactly while its offer does',
    broken: ({ states }) =>
      states.filter(
        (state) =>
          'get' in state.children !== isAsking(state) || 'offer' in state.children !== isOffering(state),
      ),
  },
  {
    description: 'its topics and its line are held exactly while it is watched',
    broken: ({ states }) =>
      states.filter(
        (state) =>
          'topics' in state.children !== isWatched(state) || 'line' in state.children !== isWatched(state),
      ),
  },
  {
    description: 'the copy goes back only with a deletion',
    broken: ({ edges }) =>
      edges.filter(({ from, event, to }) => {
        const [before, after] = [from, to].map((state) => contextOf(state).versions.copy ?? -1);
        return Number(after) < Number(before) && event.type !== 'shadow.deleted' && !isAsking(from);
      }),
  },
  {
    description: 'what is outstanding is a delta that somebody watches',
    broken: ({ states }) =>
      states.filter((state) => {
        const { hasDelta, watched } = contextOf(state);
        return isIn('delta.outstanding')(state) && !(hasDelta && watched.deltas);
      }),
  },
  {
    description: 'nobody is watched by a lost line: it subscribes anew, unless it was refused',
    broken: ({ edges }) =>
      edges.filter(
        ({ event, from, to }) =>
          event.type === 'line.lost' &&
          isWatched(from) &&
          !isIn(`${WATCHED}.subscribing`, `${WATCHED}.refused`)(to),
      ),
  },
  {
    description: 'synced can be reached again from everywhere, once somebody watches',
    broken: ({ states, reaching }) => {
      const good = new Set(reaching(states.filter(isSynced), ({ event }) => event.type !== 'unwatch'));
      return states.filter((state) => !good.has(state));
    },
  },
];
