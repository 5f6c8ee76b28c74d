import { assertEvent, assign, enqueueActions, setup } from 'xstate';
import { IotError } from '../protocol/errors.ts';
import { Handle } from '../protocol/handle.ts';
import { AWS_LIMITS } from '../protocol/limits.ts';
import type { FilterRequest, QoS, SubscriptionOptions } from '../protocol/message.ts';
import type { FilterAnswer } from '../protocol/transport.ts';
import { bounded } from './bounded.ts';
import { asIotError, guardedActor } from './guarded-actor.ts';
import type {
  SubscriptionsContext,
  SubscriptionsEvent,
  SubscriptionsFact,
  SubscriptionsInput,
  SubscriptionsPorts,
  WantedFilter,
} from './subscriptions.types.ts';
import { tell } from './tell.ts';

interface RequestInput {
  readonly ports: Handle<SubscriptionsPorts>;
  readonly batch: readonly FilterRequest[];
}

const failed = (error: IotError): SubscriptionsEvent => ({
  type: 'broker.failed',
  error: asLineError(error),
});

/** Sends one SUBSCRIBE and waits for its SUBACK. */
const subscriber = guardedActor<SubscriptionsEvent, RequestInput, SubscriptionsEvent>(({ input, send }) => {
  wireOf(input.ports)
    .subscribe(input.batch)
    .then(
      (answers) =>
        send(answersAll(answers, input.batch) ? { type: 'broker.answered', answers } : failed(mismatch())),
      (thrown: unknown) => send(failed(asIotError(thrown))),
    );
}, failed);

/** Sends one UNSUBSCRIBE and waits for its UNSUBACK. */
const unsubscriber = guardedActor<SubscriptionsEvent, RequestInput, SubscriptionsEvent>(({ input, send }) => {
  wireOf(input.ports)
    .unsubscribe(input.batch.map(({ filter }) => filter))
    .then(
      () => send({ type: 'broker.unsubscribed' }),
      (thrown: unknown) => send(failed(asIotError(thrown))),
    );
}, failed);

/** Longer than one turn of an event loop, and nothing beside `answerTimeoutMs`. */
const SECOND_LOOK_MS = 50;

const _subscriptionsMachine = setup({
  types: {
    input: {} as SubscriptionsInput,
    context: {} as SubscriptionsContext,
    events: {} as SubscriptionsEvent,
    emitted: {} as SubscriptionsFact,
  },
  actors: { subscriber, unsubscriber },
  delays: {
    answerTimeout: ({ context }) => bounded(context.answerTimeoutMs),
    /** A process that was blocked or asleep has its timers before what it has received meanwhile: so it reads first. */
    secondLook: SECOND_LOOK_MS,
  },
  guards: {
    hasUnwanted: ({ context }) => context.unwanted.size > 0,
    hasUngranted: ({ context }) => ungranted(context).length > 0,
  },
  actions: {
    want: assign(({ context, event }) => {
      assertEvent(event, 'subscribe');
      const before = context.wanted.get(event.filter);
      const qos = Math.max(event.qos, before?.qos ?? 0) as QoS;
      const { options = {} } = event;
      const isAsked = before !== undefined && before.qos === qos && isSame(before.options, options);
      return {
        wanted: new Map(context.wanted).set(event.filter, {
          qos,
          options,
          references: (before?.references ?? 0) + 1,
          grantedQos: isAsked ? before.grantedQos : undefined,
          // What was given back, and not released yet, is there.
          isAtBroker: before?.isAtBroker ?? context.unwanted.has(event.filter),
        }),
        unwanted: without(context.unwanted, [event.filter]),
      };
    }),
    unwant: assign(({ context, event }) => {
      assertEvent(event, 'unsubscribe');
      const before = context.wanted.get(event.filter);
      const wanted = new Map(context.wanted);
      if (before !== undefined && before.references > 1) {
        wanted.set(event.filter, { ...before, references: before.references - 1 });
        return { wanted };
      }
      wanted.delete(event.filter);
      // Whether or not the broker has it, and whoever asked for it, perhaps an earlier process: an UNSUBSCRIBE too many is
      // harmless, a filter that stays is not.
      return { wanted, unwanted: new Set(context.unwanted).add(event.filter) };
    }),
    /** A second holder of a filter that is granted already is told at once. */
    tellIfGranted: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'subscribe');
      const qos = context.wanted.get(event.filter)?.grantedQos;
      if (qos === undefined) return;
      tell(context, enqueue, { type: 'filter.granted', filter: event.filter, qos });
    }),
    /** A session that the broker kept has all that was granted before; one that it lost has nothing. */
    tellSession: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'session.started');
      if (!event.sessionPresent) {
        for (const filter of context.unwanted) tell(context, enqueue, { type: 'filter.released', filter });
        return;
      }
      for (const [filter, { grantedQos: qos }] of context.wanted) {
        if (qos !== undefined) tell(context, enqueue, { type: 'filter.granted', filter, qos });
      }
    }),
    forgetSession: assign(({ context, event }) => {
      assertEvent(event, 'session.started');
      if (event.sessionPresent) return {};
      const wanted = new Map<string, WantedFilter>();
      for (const [filter, entry] of context.wanted)
        wanted.set(filter, { ...entry, grantedQos: undefined, isAtBroker: false });
      return { wanted, unwanted: new Set<string>() };
    }),
    rememberBound: assign({
      filtersPerSubscribe: ({ event }) => {
        assertEvent(event, 'session.started');
        return event.filtersPerSubscribe ?? AWS_LIMITS.filtersPerSubscribe;
      },
    }),
    refusePoisoned: assign(({ context, event }) => {
      assertEvent(event, 'filter.poisoned');
      const entry = context.wanted.get(event.filter);
      const wanted = new Map(context.wanted);
      wanted.delete(event.filter);
      if (entry?.isAtBroker !== true) return { wanted };
      return { wanted, unwanted: new Set(context.unwanted).add(event.filter) };
    }),
    tellPoisoned: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'filter.poisoned');
      if (!context.wanted.has(event.filter)) return;
      tell(context, enqueue, { type: 'filter.refused', filter: event.filter, error: event.error });
    }),
    /** A SUBSCRIBE whose answer was lost with the line may have come: a session that is kept has its filters then. */
    doubtAsked: assign(({ context }) => {
      const wanted = new Map(context.wanted);
      for (const { filter } of context.batch) {
        const entry = wanted.get(filter);
        if (entry !== undefined) wanted.set(filter, { ...entry, isAtBroker: true });
      }
      return { wanted };
    }),
    takeUngranted: assign({ batch: ({ context }) => ungranted(context) }),
    takeUnwanted: assign({
      batch: ({ context }) =>
        [...context.unwanted]
          .slice(0, AWS_LIMITS.filtersPerSubscribe)
          .map((filter): FilterRequest => ({ filter, qos: 0 })),
    }),
    tellAnswers: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'broker.answered');
      for (const answer of stillAsked(context, event.answers)) {
        tell(
          context,
          enqueue,
          'error' in answer
            ? { type: 'filter.refused', filter: answer.filter, error: answer.error }
            : { type: 'filter.granted', filter: answer.filter, qos: answer.grantedQos },
        );
      }
    }),
    rememberAnswers: assign(({ context, event }) => {
      assertEvent(event, 'broker.answered');
      const wanted = new Map(context.wanted);
      const unwanted = new Set(context.unwanted);
      for (const answer of stillAsked(context, event.answers)) {
        const entry = wanted.get(answer.filter);
        if (entry === undefined) continue;
        if ('grantedQos' in answer) {
          wanted.set(answer.filter, { ...entry, grantedQos: answer.grantedQos, isAtBroker: true });
          continue;
        }
        wanted.delete(answer.filter);
        // What was granted before, with less, is there as it was: nobody wants that any more.
        if (entry.isAtBroker) unwanted.add(answer.filter);
      }
      return { wanted, unwanted };
    }),
    rememberReleased: assign({
      unwanted: ({ context }) =>
        without(
          context.unwanted,
          context.batch.map(({ filter }) => filter),
        ),
    }),
    tellReleased: enqueueActions(({ context, enqueue }) => {
      for (const { filter } of context.batch) tell(context, enqueue, { type: 'filter.released', filter });
    }),
    tellSettled: enqueueActions(({ context, enqueue }) => {
      tell(context, enqueue, { type: 'subscriptions.settled' });
    }),
    tellUnanswered: enqueueActions(({ context, event, enqueue }) => {
      const error =
        event.type === 'broker.failed'
          ? event.error
          : new IotError(
              'OPERATION_TIMEOUT',
              `no answer to a SUBSCRIBE or UNSUBSCRIBE within ${context.answerTimeoutMs} ms`,
            );
      tell(context, enqueue, { type: 'subscriptions.unanswered', error });
    }),
  },
}).createMachine({
  id: 'subscriptions',
  context: ({ input }) => ({
    ports: input.ports,
    answerTimeoutMs: input.answerTimeoutMs ?? 5_000,
    parent: input.parent,
    wanted: new Map(),
    unwanted: new Set(),
    filtersPerSubscribe: AWS_LIMITS.filtersPerSubscribe,
    batch: [],
  }),
  on: {
    subscribe: { actions: 'want' },
    unsubscribe: { actions: 'unwant' },
    'filter.poisoned': { actions: ['tellPoisoned', 'refusePoisoned'] },
    'session.started': { target: '.online', actions: ['tellSession', 'forgetSession', 'rememberBound'] },
    'session.ended': { target: '.offline', actions: 'doubtAsked' },
  },
  initial: 'offline',
  states: {
    /** Wishes are recorded; nothing is asked. */
    offline: {},
    online: {
      on: { subscribe: { actions: ['want', 'tellIfGranted'] } },
      initial: 'deciding',
      states: {
        deciding: {
          always: [
            { guard: 'hasUnwanted', target: 'unsubscribing' },
            { guard: 'hasUngranted', target: 'subscribing' },
            { target: 'settled' },
          ],
        },
        subscribing: {
          entry: 'takeUngranted',
          invoke: {
            id: 'subscriber',
            src: 'subscriber',
            input: ({ context }) => ({ ports: context.ports, batch: context.batch }),
            onError: 'unanswered',
          },
          on: {
            'broker.answered': {
              target: 'deciding',
              actions: ['tellAnswers', 'rememberAnswers'],
            },
            'broker.failed': 'unanswered',
          },
          initial: 'waiting',
          states: {
            waiting: { after: { answerTimeout: 'overdue' } },
            overdue: { after: { secondLook: '#subscriptions.online.unanswered' } },
          },
        },
        unsubscribing: {
          entry: 'takeUnwanted',
          invoke: {
            id: 'unsubscriber',
            src: 'unsubscriber',
            input: ({ context }) => ({ ports: context.ports, batch: context.batch }),
            onError: 'unanswered',
          },
          on: {
            'broker.unsubscribed': {
              target: 'deciding',
              actions: ['tellReleased', 'rememberReleased'],
            },
            'broker.failed': 'unanswered',
          },
          initial: 'waiting',
          states: {
            waiting: { after: { answerTimeout: 'overdue' } },
            overdue: { after: { secondLook: '#subscriptions.online.unanswered' } },
          },
        },
        settled: {
          entry: 'tellSettled',
          on: {
            subscribe: { target: 'deciding', actions: ['want', 'tellIfGranted'] },
            unsubscribe: { target: 'deciding', actions: 'unwant' },
            'filter.poisoned': { target: 'deciding', actions: ['tellPoisoned', 'refusePoisoned'] },
          },
        },
        /** The line is sick: whoever owns it ends the session. */
        unanswered: { entry: 'tellUnanswered' },
      },
    },
  },
});

/** The next filters to ask for, at most as many as one SUBSCRIBE of this session may have. */
function ungranted(context: SubscriptionsContext): FilterRequest[] {
  const requests: FilterRequest[] = [];
  for (const [filter, { qos, options, grantedQos }] of context.wanted) {
    if (grantedQos === undefined) requests.push({ filter, qos, ...options });
    if (requests.length === context.filtersPerSubscribe) break;
  }
  return requests;
}

/** The answers to what is wanted just as it was asked. What was changed meanwhile has to be asked for again. */
function stillAsked(
  { wanted, batch }: SubscriptionsContext,
  answers: readonly FilterAnswer[],
): FilterAnswer[] {
  return answers.filter(({ filter }, index) => {
    const entry = wanted.get(filter);
    const asked = batch[index];
    return entry !== undefined && asked?.qos === entry.qos && isSame(asked, entry.options);
  });
}

function isSame(a: SubscriptionOptions, b: SubscriptionOptions): boolean {
  return (
    (a.noLocal ?? false) === (b.noLocal ?? false) &&
    (a.retainAsPublished ?? false) === (b.retainAsPublished ?? false) &&
    (a.retainHandling ?? 0) === (b.retainHandling ?? 0)
  );
}

/** One answer a filter, in order: anything else cannot be read, and would be asked again and again. */
function answersAll(answers: readonly FilterAnswer[], batch: readonly FilterRequest[]): boolean {
  return (
    answers.length === batch.length && batch.every(({ filter }, index) => answers[index]?.filter === filter)
  );
}

function mismatch(): IotError {
  return new IotError('PROTOCOL_ERROR', 'a SUBACK does not answer the filters of its SUBSCRIBE');
}

/** What failed here is the line: the error of a single call would say nothing about it. */
function asLineError(error: IotError): IotError {
  if (error.recovery !== 'none') return error;
  return new IotError('PROTOCOL_ERROR', `a SUBSCRIBE or UNSUBSCRIBE failed: ${error.message}`, {
    cause: error,
  });
}

function without(filters: ReadonlySet<string>, gone: readonly string[]): ReadonlySet<string> {
  const rest = new Set(filters);
  for (const filter of gone) rest.delete(filter);
  return rest;
}

function wireOf(ports: Handle<SubscriptionsPorts>) {
  const wire = Handle.open(ports).currentWire();
  if (wire === undefined) throw new IotError('CONNECTION_LOST', 'the line ended');
  return wire;
}

type _SubscriptionsMachine = typeof _subscriptionsMachine;
/** Which filters are wanted, which are granted, and what has to be asked of the broker so that they are the same. */
export interface SubscriptionsMachine extends _SubscriptionsMachine {}
/** Wants what `subscribe` names, in each session that `session.started` begins. Runs alone with a wire of your own. */
export const subscriptionsMachine: SubscriptionsMachine = _subscriptionsMachine;
