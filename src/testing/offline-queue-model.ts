import type { AnyMachineSnapshot } from 'xstate';
import {
  Handle,
  type OfflineQueueContext,
  type OfflineQueueEvent,
  type OfflineQueueMachine,
  offlineQueueMachine,
} from '../machines/index.ts';
import { eventWords } from './event-words.ts';
import type { Claim, Edge, ModelEvent } from './graph.ts';
import { type MachineModel, machineModel } from './machine-model.ts';
import { broke, errorOf, isIn, refuse } from './model-events.ts';
import { withoutActors } from './never-ending.ts';

const UNPACED = Number.POSITIVE_INFINITY;
const paced = (perSecond: number): OfflineQueueEvent => ({
  type: 'pace',
  drain: { perSecond, adaptive: false },
});

const EVENTS: readonly (OfflineQueueEvent | ModelEvent)[] = [
  { type: 'drain' },
  { type: 'hold' },
  paced(2),
  paced(UNPACED),
  { type: 'backlog.recovered' },
  { type: 'backlog.finished' },
  { type: 'backlog.endless' },
  { type: 'flow.freed' },
  { type: 'flow.failed', error: errorOf('INTERNAL') },
  ...['pacing', 'freeFlow'].map(broke),
];

/**
 * A model of {@link offlineQueueMachine}: it holds, lets go at a pace, flows freely. Its events are what a client asks of
 * it, a pace that can be changed at any time, what its outbox reports, the beats, and the faults of its actors.
 */
export function offlineQueueModel(): MachineModel<OfflineQueueMachine> {
  return machineModel(withoutActors(offlineQueueMachine), {
    input: {
      ports: new Handle({ outbox: { setFlow: refuse, release: refuse, backlog: 0, joined: 0 } }),
      drain: { perSecond: 2, adaptive: false },
    },
    events: EVENTS,
    abstract: ({ drain }: OfflineQueueContext) => drain.perSecond === UNPACED,
    describe,
    claims: CLAIMS,
  });
}

function describe(event: ModelEvent): string {
  if (event.type !== 'pace') return eventWords(event);
  const { perSecond } = event['drain'] as OfflineQueueContext['drain'];
  return `pace (${perSecond === UNPACED ? 'none' : `${perSecond} a second`})`;
}

const isBuffering = isIn('buffering');
const isDraining = isIn('draining');
const isOpen = isIn('open');
const has = (actor: string, { children }: AnyMachineSnapshot): boolean => actor in children;
const isFault = ({ event: { type } }: Edge): boolean =>
  type === 'flow.failed' || type.startsWith('xstate.error.');

const CLAIMS: readonly Claim[] = [
  {
    description: 'the flow is paced exactly while it drains, free exactly while it is open, and else closed',
    broken: ({ states }) =>
      states.filter(
        (state) => has('pacing', state) !== isDraining(state) || has('freeFlow', state) !== isOpen(state),
      ),
  },
  {
    description: 'nothing flows before drain',
    broken: (graph) =>
      graph
        .reachable(graph.states.slice(0, 1), ({ event }) => event.type !== 'drain')
        .filter((state) => !isBuffering(state)),
  },
  {
    description: 'hold closes the flow from everywhere, and so does a fault',
    broken: ({ edges }) =>
      edges.filter((edge) => (edge.event.type === 'hold' || isFault(edge)) && !isBuffering(edge.to)),
  },
  {
    description: 'nothing but hold and faults closes it',
    broken: ({ edges }) =>
      edges.filter(
        (edge) =>
          isBuffering(edge.to) && !isBuffering(edge.from) && edge.event.type !== 'hold' && !isFault(edge),
      ),
  },
  {
    description: 'a drain that is finished opens it',
    broken: ({ edges }) => edges.filter(({ event, to }) => event.type === 'backlog.finished' && !isOpen(to)),
  },
];
