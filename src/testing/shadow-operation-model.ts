import type { AnyMachineSnapshot } from 'xstate';
import {
  Handle,
  type ShadowOperationContext,
  type ShadowOperationEvent,
  type ShadowOperationKind,
  type ShadowOperationMachine,
  shadowOperationMachine,
} from '../machines/index.ts';
import { invalid } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import { ShadowRejectedError } from '../protocol/shadow-rejection.ts';
import type { Claim, Edge, ModelEvent } from './graph.ts';
import { type MachineModel, machineModel } from './machine-model.ts';
import { broke, errorOf, isIn, refuse } from './model-events.ts';
import { withoutActors } from './never-ending.ts';

/** Which request a model is of. */
export interface ShadowOperationModelOptions {
  /** Default `'update'`. */
  readonly kind?: ShadowOperationKind;
  /** As of the request. Default false. */
  readonly waitForConnection?: boolean;
  /** Whether the topics of the answer stay, because somebody else holds them too. Default false. */
  readonly keepsTopics?: boolean;
}

const KINDS: readonly ShadowOperationKind[] = ['get', 'update', 'delete'];

/**
 * A model of {@link shadowOperationMachine}: one request, from the wish to its end, with everything that may come between. Four
 * models are all of it: whether it waits for a line, and whether its topics stay.
 *
 * @throws {IotError} `INVALID_ARGUMENT`
 */
export function shadowOperationModel(
  options: ShadowOperationModelOptions = {},
): MachineModel<ShadowOperationMachine> {
  checkFields('options', options, ['kind', 'waitForConnection', 'keepsTopics']);
  const { kind = 'update', waitForConnection = false, keepsTopics = false } = options;
  if (!KINDS.includes(kind)) throw invalid('kind', "'get', 'update' or 'delete'", kind);
  for (const [name, value] of Object.entries({ waitForConnection, keepsTopics }))
    if (typeof value !== 'boolean') throw invalid(name, 'true or false', value);
  return machineModel(withoutActors(shadowOperationMachine), {
    input: { ports: PORTS, kind, waitForConnection, keepsTopics },
    events: eventsOf(kind),
    abstract: ({ throttledBy, outcome }: ShadowOperationContext) => [
      throttledBy === undefined,
      outcome?.type,
    ],
    claims: waitForConnection ? CLAIMS : [...CLAIMS, NEVER_WAITS_AGAIN],
    without: [
      ...(waitForConnection ? ENDS_WITHOUT_LINE : WAITS_WITHOUT_LINE),
      ...(keepsTopics
        ? RELEASES_TOPICS
        : ['shadowOperation.ended always [keepsTopics] to shadowOperation.done']),
    ],
  });
}

const PORTS = new Handle({
  watchLine: refuse,
  takeSlot: refuse,
  listen: refuse,
  publish: refuse,
  onReleased: refuse,
  random: () => 0,
});

function eventsOf(kind: ShadowOperationKind): readonly (ShadowOperationEvent | ModelEvent)[] {
  const rejected = (code: number): ShadowRejectedError =>
    new ShadowRejectedError(kind, { code, message: 'made by the model' });
  return [
    { type: 'line.up' },
    { type: 'line.lost' },
    { type: 'slot.taken' },
    { type: 'topics.granted' },
    { type: 'topics.refused', error: errorOf('SUBSCRIPTION_REFUSED') },
    { type: 'request.sent' },
    { type: 'request.failed', error: errorOf('CLOSED') },
    { type: 'response.accepted', version: 7 },
    { type: 'response.rejected', error: rejected(404) },
    { type: 'response.rejected', error: rejected(429) },
    { type: 'response.uncorrelated', error: rejected(400) },
    { type: 'abort', error: errorOf('ABORTED') },
    { type: 'topics.released' },
    { type: 'actor.failed', error: errorOf('INTERNAL') },
    ...['line', 'slot', 'listener', 'publisher', 'releaser'].map(broke),
  ];
}

/** What one that waits for a line does not do. */
const ENDS_WITHOUT_LINE = [
  'shadowOperation.ended.disconnected',
  'shadowOperation.open.waiting on line.lost to shadowOperation.ended.disconnected',
  'shadowOperation.open.engaged on line.lost to shadowOperation.ended.disconnected',
];
/** What one that does not wait never does. */
const WAITS_WITHOUT_LINE = [
  'shadowOperation.open.waiting on line.lost [waitsForConnection] to nothing',
  'shadowOperation.open.engaged on line.lost [waitsForConnection] to shadowOperation.open.waiting',
];
/** What one whose topics stay never does. */
const RELEASES_TOPICS = [
  'shadowOperation.ended always to shadowOperation.unsubscribing',
  'shadowOperation.unsubscribing',
  'shadowOperation.unsubscribing on abort to shadowOperation.done',
  'shadowOperation.unsubscribing on actor.failed to shadowOperation.done',
  'shadowOperation.unsubscribing on topics.released to shadowOperation.done',
  'shadowOperation.unsubscribing on xstate.after.releaseTimeout.shadowOperation.unsubscribing to shadowOperation.done',
  'shadowOperation.unsubscribing on xstate.error.actor.releaser to shadowOperation.done',
];

const SENT = 'open.engaged.listening.sent';
const isSent = isIn(SENT);
const isOver = (state: AnyMachineSnapshot): boolean => !isIn('open')(state);
const outcomeOf = ({ context }: AnyMachineSnapshot): ShadowOperationContext['outcome'] =>
  (context as ShadowOperationContext).outcome;
const isWaiting = isIn('open.waiting');

const CLAIMS: readonly Claim[] = [
  {
    description: 'the outcome is known exactly when it is over, and never changes',
    broken: ({ states, edges }) => [
      ...states.filter((state) => isOver(state) !== (outcomeOf(state) !== undefined)),
      ...edges.filter(({ from, to }) => isOver(from) && outcomeOf(from) !== outcomeOf(to)),
    ],
  },
  {
    description: 'it is published only with a place, and with the topics of its answer',
    broken: ({ states }) =>
      states.filter(
        ({ children }) => 'publisher' in children && !('slot' in children && 'listener' in children),
      ),
  },
  {
    description: 'once it is over, nothing is published, no place is held and no topic listened to',
    broken: ({ states }) =>
      states.filter(
        (state) =>
          isOver(state) && Object.keys(state.children as object).some((actor) => actor !== 'releaser'),
      ),
  },
  {
    description: 'what was sent is sent again after a 429 only',
    broken: ({ edges }) =>
      edges.filter(
        ({ from, event, to }) =>
          isIn(`${SENT}.throttled`)(to) &&
          !isIn(`${SENT}.throttled`)(from) &&
          (event['error'] as { readonly reasonCode?: number } | undefined)?.reasonCode !== 429,
      ),
  },
  {
    description: 'an answer counts only for what was sent',
    broken: ({ edges }) =>
      edges.filter(
        ({ from, event, to }) =>
          event.type.startsWith('response.') && !isSent(from) && outcomeOf(from) !== outcomeOf(to),
      ),
  },
  {
    description: 'what was sent ends by time alone',
    broken: (graph) =>
      graph.states.filter(
        (state) =>
          isSent(state) &&
          !graph.reachable([state], ({ event }) => event.type.startsWith('xstate.after.')).some(isOver),
      ),
  },
  {
    description: 'an abort ends it from everywhere',
    broken: ({ edges }) => edges.filter(({ event, to }) => event.type === 'abort' && !isOver(to)),
  },
];

const NEVER_WAITS_AGAIN: Claim = {
  description: 'it never waits for a line that it has lost',
  broken: ({ edges }: { readonly edges: readonly Edge[] }) =>
    edges.filter(({ event, to }) => event.type === 'line.lost' && isWaiting(to)),
};
