import type { AnyMachineSnapshot } from 'xstate';
import {
  Handle,
  type SubscriptionsContext,
  type SubscriptionsMachine,
  subscriptionsMachine,
} from '../machines/index.ts';
import { eventWords } from './event-words.ts';
import type { Claim, Edge, ModelEvent } from './graph.ts';
import { type MachineModel, machineModel } from './machine-model.ts';
import { broke, errorOf, isIn } from './model-events.ts';
import { withoutActors } from './never-ending.ts';

const FILTER = 'a';
/** Of one filter: a third one would only be the second one again. */
const MAX_HOLDERS = 2;

/**
 * A model of {@link subscriptionsMachine} with one filter that two may hold: it is asked for, granted, refused, asked for
 * with more, given back, poisoned; sessions begin, kept or new, and end; answers come, do not come, or cannot be read.
 */
export function subscriptionsModel(): MachineModel<SubscriptionsMachine> {
  return machineModel(withoutActors(subscriptionsMachine), {
    input: { ports: new Handle({ currentWire: () => undefined }) },
    events: ({ context }) => eventsIn(context),
    abstract: ({ wanted, unwanted, batch }: SubscriptionsContext) => [
      [...wanted.values()],
      unwanted.size,
      batch.map(({ qos }) => qos),
    ],
    describe,
    claims: CLAIMS,
  });
}

function eventsIn({ wanted, batch }: SubscriptionsContext): ModelEvent[] {
  const { references = 0 } = wanted.get(FILTER) ?? {};
  const granted = batch.map(({ filter, qos }) => ({ filter, grantedQos: qos }));
  const refused = batch.map(({ filter }) => ({ filter, error: errorOf('SUBSCRIPTION_REFUSED') }));
  return [
    ...(references < MAX_HOLDERS ? [0, 1].map((qos) => ({ type: 'subscribe', filter: FILTER, qos })) : []),
    { type: 'unsubscribe', filter: FILTER },
    { type: 'session.started', sessionPresent: true },
    { type: 'session.started', sessionPresent: false },
    { type: 'session.ended' },
    { type: 'broker.answered', answers: granted },
    { type: 'broker.answered', answers: refused },
    { type: 'broker.unsubscribed' },
    { type: 'broker.failed', error: errorOf('PROTOCOL_ERROR') },
    { type: 'filter.poisoned', filter: FILTER, error: errorOf('POISON_SUBSCRIPTION') },
    ...['subscriber', 'unsubscriber'].map(broke),
  ];
}

function describe(event: ModelEvent): string {
  const { type, answers } = event;
  if (!Array.isArray(answers)) return eventWords(event);
  return `${type} (${answers.some(isRefusal) ? 'refused' : 'granted'})`;
}

const isRefusal = (answer: unknown): boolean =>
  typeof answer === 'object' && answer !== null && 'error' in answer;
const isOffline = isIn('offline');
const isSettled = isIn('online.settled');
const isAsking = isIn('online.subscribing', 'online.unsubscribing');
const isUnanswered = isIn('online.unanswered');
const contextOf = ({ context }: AnyMachineSnapshot): SubscriptionsContext => context as SubscriptionsContext;
const isGranted = (state: AnyMachineSnapshot): boolean =>
  contextOf(state).wanted.get(FILTER)?.grantedQos !== undefined;

const CLAIMS: readonly Claim[] = [
  {
    description: 'settled means that nothing wanted is ungranted, and nothing unwanted is left',
    broken: ({ states }) =>
      states.filter((state) => {
        const { wanted, unwanted } = contextOf(state);
        return isSettled(state) && (unwanted.size > 0 || (wanted.size > 0 && !isGranted(state)));
      }),
  },
  {
    description: 'no filter is both wanted and unwanted, and none is wanted by nobody',
    broken: ({ states }) =>
      states.filter((state) => {
        const { wanted, unwanted } = contextOf(state);
        return [...wanted].some(([filter, { references }]) => references < 1 || unwanted.has(filter));
      }),
  },
  {
    description: 'a broker is asked exactly while a session lasts and something is to be asked',
    broken: ({ states }) =>
      states.filter(
        (state) => isAsking(state) !== ('subscriber' in state.children || 'unsubscriber' in state.children),
      ),
  },
  {
    description: 'a lost session grants nothing, and leaves nothing to give back',
    broken: ({ edges }) =>
      edges.filter(
        ({ event, to }) =>
          event.type === 'session.started' &&
          event['sessionPresent'] === false &&
          (isGranted(to) || contextOf(to).unwanted.size > 0),
      ),
  },
  {
    description: 'only an answer of the broker grants',
    broken: ({ edges }) =>
      edges.filter(
        ({ from, event, to }) => isGranted(to) && !isGranted(from) && event.type !== 'broker.answered',
      ),
  },
  {
    description: 'the end of a session ends all asking',
    broken: ({ edges }) => edges.filter(({ event, to }) => event.type === 'session.ended' && !isOffline(to)),
  },
  {
    description: 'no line is called sick before it was looked at twice',
    broken: ({ edges }) => edges.filter((edge) => isCalledSick(edge) && !isLookedAtTwice(edge)),
  },
  {
    description: 'with answers it settles from everywhere in a session',
    broken: (graph) =>
      graph.states.filter(
        (state) =>
          isAsking(state) &&
          !graph.reachable([state], ({ event }) => event.type.startsWith('broker.')).some(isSettled),
      ),
  },
];

const isCalledSick = ({ from, event, to }: Edge): boolean =>
  event.type.startsWith('xstate.after.') && isUnanswered(to) && !isUnanswered(from);
const isLookedAtTwice = ({ from }: Edge): boolean =>
  isIn('online.subscribing.overdue', 'online.unsubscribing.overdue')(from);
