import {
  assertEvent,
  assign,
  type ErrorActorEvent,
  type EventObject,
  enqueueActions,
  sendTo,
  setup,
} from 'xstate';
import { DEFAULT_DRAIN, type DrainPolicy } from '../protocol/drain.ts';
import type { IotError } from '../protocol/errors.ts';
import type { FlowPort } from '../protocol/flow.ts';
import { Handle } from '../protocol/handle.ts';
import { bounded } from './bounded.ts';
import { asIotError, guardedActor } from './guarded-actor.ts';
import type {
  OfflineQueueContext,
  OfflineQueueEvent,
  OfflineQueueFact,
  OfflineQueueInput,
  OfflineQueuePorts,
} from './offline-queue.types.ts';
import { tell } from './tell.ts';

/** The facts that carry nothing. */
type ToldFact = Exclude<OfflineQueueFact['type'], 'queue.failed'>;

const failed = (error: IotError): OfflineQueueEvent => ({ type: 'flow.failed', error });

/** Lets the backlog go beat by beat. The flow is paced exactly as long as this actor lives. */
const pacing = guardedActor<
  { type: 'beat' },
  { ports: Handle<OfflineQueuePorts>; drain: DrainPolicy },
  OfflineQueueEvent
>(({ input, send, receive, onEnd }) => {
  const { outbox } = Handle.open(input.ports);
  const beat = pacer(outbox, input.drain, send);
  onEnd(() => outbox.setFlow('closed'));
  outbox.setFlow('paced');
  receive(beat);
  beat();
}, failed);

/** A timer takes more than a millisecond, and a message is soon let go: what is faster goes several at a beat. */
const MAX_BEATS_PER_SECOND = 100;

function beatMs({ perSecond }: DrainPolicy): number {
  return 1_000 / Math.min(perSecond, MAX_BEATS_PER_SECOND);
}

/** How many messages each next beat lets go: one, or at a faster pace the whole ones; the fraction is carried over. */
function shares({ perSecond }: DrainPolicy): () => number {
  if (!(perSecond > MAX_BEATS_PER_SECOND)) return () => 1;
  let owed = 0;
  return () => {
    owed += perSecond;
    const share = Math.floor(owed / MAX_BEATS_PER_SECOND);
    owed %= MAX_BEATS_PER_SECOND;
    return share;
  };
}

/** What one beat does. The first comes at once, so a backlog of n shares is let go in n beats and found empty at the next. */
function pacer(outbox: FlowPort, drain: DrainPolicy, send: (fact: OfflineQueueEvent) => void): () => void {
  const { adaptive } = drain;
  const nextShare = shares(drain);
  const atStart = outbox.backlog;
  let joinedBefore = outbox.joined;
  let paced = 0;
  let isEndless = false;
  return () => {
    // Less than none when a store has refused what had joined before.
    const joined = Math.max(0, outbox.joined - joinedBefore);
    joinedBefore = outbox.joined;
    const leftOfOld = adaptive ? outbox.backlog - joined : outbox.backlog;
    if (leftOfOld <= 0) {
      send({ type: 'backlog.finished' });
      return;
    }
    if (!isEndless && paced >= atStart && outbox.backlog >= atStart) {
      isEndless = true;
      send({ type: 'backlog.endless' });
    }
    const share = nextShare();
    paced += share;
    outbox.release(adaptive ? share + joined : share);
  };
}

/** The flow is free exactly as long as this actor lives. */
const freeFlow = guardedActor<EventObject, { ports: Handle<OfflineQueuePorts> }, OfflineQueueEvent>(
  ({ input, send, onEnd }) => {
    const { outbox } = Handle.open(input.ports);
    onEnd(() => outbox.setFlow('closed'));
    outbox.setFlow('free');
    // Told from here, and not on entering `open`: whoever hears of it may publish at once.
    send({ type: 'flow.freed' });
  },
  failed,
);

const _offlineQueueMachine = setup({
  types: {
    input: {} as OfflineQueueInput,
    context: {} as OfflineQueueContext,
    events: {} as OfflineQueueEvent | ErrorActorEvent,
    emitted: {} as OfflineQueueFact,
    children: {} as { pacing: 'pacing'; freeFlow: 'freeFlow' },
  },
  actors: { pacing, freeFlow },
  delays: {
    beat: ({ context }) => bounded(beatMs(context.drain)),
  },
  guards: {
    isPaced: ({ context }) => context.drain.perSecond !== Infinity,
    isUnpaced: ({ context }) => context.drain.perSecond === Infinity,
    isToBeUnpaced: ({ event }) => event.type === 'pace' && event.drain.perSecond === Infinity,
  },
  actions: {
    beat: sendTo('pacing', { type: 'beat' }),
    rememberDrain: assign({
      drain: ({ event }) => {
        assertEvent(event, 'pace');
        return event.drain;
      },
    }),
    tell: enqueueActions(({ context, enqueue }, { fact }: { fact: ToldFact }) => {
      tell(context, enqueue, { type: fact });
    }),
    tellFailed: enqueueActions(({ context, event, enqueue }) => {
      const error = asIotError('error' in event ? event.error : undefined);
      tell(context, enqueue, { type: 'queue.failed', error });
    }),
  },
}).createMachine({
  id: 'offlineQueue',
  context: ({ input }) => ({
    ports: input.ports,
    drain: { ...DEFAULT_DRAIN, ...input.drain },
    parent: input.parent,
  }),
  on: {
    'flow.failed': { target: '.buffering', actions: 'tellFailed' },
    pace: { actions: 'rememberDrain' },
  },
  initial: 'buffering',
  states: {
    buffering: {
      on: { drain: [{ guard: 'isUnpaced', target: 'open' }, { target: 'draining' }] },
    },
    draining: {
      invoke: {
        id: 'pacing',
        src: 'pacing',
        input: ({ context }) => ({ ports: context.ports, drain: context.drain }),
        onError: { target: 'buffering', actions: 'tellFailed' },
      },
      on: {
        hold: 'buffering',
        pace: [
          { guard: 'isToBeUnpaced', target: 'open', actions: 'rememberDrain' },
          { target: 'draining', reenter: true, actions: 'rememberDrain' },
        ],
        // Paced from the start again: it is another backlog than the one that was looked at.
        'backlog.recovered': { target: 'draining', reenter: true },
        'backlog.finished': 'open',
        'backlog.endless': { actions: { type: 'tell', params: { fact: 'queue.endless' } } },
      },
      initial: 'betweenBeats',
      states: {
        betweenBeats: { after: { beat: { target: 'betweenBeats', reenter: true, actions: 'beat' } } },
      },
    },
    open: {
      invoke: {
        id: 'freeFlow',
        src: 'freeFlow',
        input: ({ context }) => ({ ports: context.ports }),
        onError: { target: 'buffering', actions: 'tellFailed' },
      },
      on: {
        hold: 'buffering',
        'backlog.recovered': { guard: 'isPaced', target: 'draining' },
        'flow.freed': { actions: { type: 'tell', params: { fact: 'queue.drained' } } },
      },
    },
  },
});

type _OfflineQueueMachine = typeof _offlineQueueMachine;
/** May messages flow: not at all, at a pace, or freely. */
export interface OfflineQueueMachine extends _OfflineQueueMachine {}
/** Steers the outbox of its ports: it holds at first, and lets go at `drain`. Runs alone with an outbox of your own. */
export const offlineQueueMachine: OfflineQueueMachine = _offlineQueueMachine;
