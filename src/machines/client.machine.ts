import {
  assertEvent,
  assign,
  type ErrorActorEvent,
  type EventObject,
  enqueueActions,
  fromCallback,
  sendTo,
  setup,
  spawnChild,
  stopChild,
} from 'xstate';
import { bounded } from './bounded.ts';
import { messages } from './client.actors.ts';
import type { ClientContext, ClientEvent, ClientFact, ClientInput } from './client.types.ts';
import { type ConnectionMachine, connectionMachine, DEFAULT_POLICY } from './connection.machine.ts';
import { deviceShadowMachine } from './device-shadow.machine.ts';
import { asIotError } from './guarded-actor.ts';
import { offlineQueueMachine } from './offline-queue.machine.ts';
import { subscriptionsMachine } from './subscriptions.machine.ts';
import { tell } from './tell.ts';

/** Here the children report: the connection waits for what the client machine routes to it. */
const waits = fromCallback<EventObject>(() => undefined);

// Once per process: providing costs 32 kB. By its name, or the declarations of this machine would write all of that one out.
const connection: ConnectionMachine = connectionMachine.provide({
  actors: { resubscription: waits, drain: waits },
});

const FACTS = [
  'connection.connected',
  'connection.usable',
  'connection.resubscribed',
  'connection.live',
  'connection.flushing',
  'connection.disconnected',
  'connection.lost',
  'connection.failed',
  'connection.ended',
  'connection.faulted',
  'subscriptions.settled',
  'subscriptions.unanswered',
  'queue.drained',
  'queue.endless',
  'queue.failed',
  'filter.granted',
  'filter.refused',
  'filter.released',
  'message.received',
  'message.queued',
  'message.delivered',
  'message.undelivered',
  'subscription.failed',
] as const satisfies readonly ClientFact['type'][];

const _clientMachine = setup({
  types: {
    input: {} as ClientInput,
    context: {} as ClientContext,
    events: {} as ClientEvent | ErrorActorEvent,
    emitted: {} as ClientFact,
    children: {} as {
      messages: 'messages';
      connection: 'connection';
      queue: 'offlineQueue';
      subscriptions: 'subscriptions';
    },
  },
  actors: {
    messages,
    connection,
    offlineQueue: offlineQueueMachine,
    subscriptions: subscriptionsMachine,
    deviceShadow: deviceShadowMachine,
  },
  delays: {
    /** The connection bounds its own end; this bounds the case that it cannot. */
    closeTimeout: ({ context: { connection }, event }) => {
      const { flushTimeoutMs, goodbyeTimeoutMs } = { ...DEFAULT_POLICY, ...connection };
      const asked = event.type === 'close' ? event.flushTimeoutMs : undefined;
      return bounded((asked ?? flushTimeoutMs) + goodbyeTimeoutMs + 1_000);
    },
  },
  guards: {
    isLastToWithdraw: ({ context }) => context.asked === 1,
  },
  actions: {
    countAsk: assign({ asked: ({ context }) => context.asked + 1 }),
    countWithdrawal: assign({ asked: ({ context }) => Math.max(0, context.asked - 1) }),
    forgetAsks: assign({ asked: 0 }),
    rememberFailure: assign({
      failure: ({ event }) => asIotError('error' in event ? event.error : undefined),
    }),
    toConnection: sendTo('connection', ({ event }) => {
      assertEvent(event, [
        'connect',
        'disconnect',
        'network.online',
        'subscriptions.settled',
        'subscriptions.unanswered',
        'queue.drained',
        'queue.failed',
      ]);
      return event;
    }),
    dropLine: sendTo('connection', { type: 'disconnect', flushTimeoutMs: 0 }),
    endLine: sendTo('connection', ({ event }) => {
      assertEvent(event, 'close');
      return { ...event, type: 'disconnect' };
    }),
    toMessages: sendTo('messages', ({ event }) => {
      assertEvent(event, ['publish', 'subscribe', 'unsubscribe']);
      return event;
    }),
    toSubscriptions: sendTo('subscriptions', ({ event }) => {
      assertEvent(event, 'filter.poisoned');
      return event;
    }),
    holdFilter: sendTo('subscriptions', ({ event }) => {
      assertEvent(event, 'filter.wanted');
      return { ...event, type: 'subscribe' };
    }),
    releaseFilter: sendTo('subscriptions', ({ event }) => {
      assertEvent(event, 'filter.unwanted');
      return { ...event, type: 'unsubscribe' };
    }),
    startSession: sendTo('subscriptions', ({ event }) => {
      assertEvent(event, 'connection.usable');
      const { sessionPresent, caution } = event.session;
      return {
        type: 'session.started',
        sessionPresent,
        ...(caution === undefined ? {} : { filtersPerSubscribe: caution.filtersPerSubscribe }),
      };
    }),
    endSession: sendTo('subscriptions', { type: 'session.ended' }),
    drainQueue: sendTo('queue', { type: 'drain' }),
    holdQueue: sendTo('queue', { type: 'hold' }),
    toQueue: sendTo('queue', ({ event }) => {
      assertEvent(event, ['pace', 'backlog.recovered']);
      return event;
    }),
    startShadow: spawnChild('deviceShadow', {
      id: ({ event }) => {
        assertEvent(event, 'shadow.opened');
        return event.id;
      },
      input: ({ event }) => {
        assertEvent(event, 'shadow.opened');
        return { ports: event.ports };
      },
    }),
    stopShadow: stopChild(({ event }) => {
      assertEvent(event, 'shadow.closed');
      return event.id;
    }),
    /** Passes a child's fact on to whoever listens to the client. */
    pass: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, FACTS);
      tell(context, enqueue, event);
    }),
  },
}).createMachine({
  id: 'client',
  context: ({ input }) => ({
    ports: input.ports,
    connection: input.connection ?? {},
    drain: input.drain ?? {},
    operationTimeoutMs: input.operationTimeoutMs ?? 5_000,
    parent: input.parent,
    asked: 0,
    failure: undefined,
  }),
  initial: 'open',
  states: {
    open: {
      invoke: [
        {
          // The first: it hears what the others report at their start.
          id: 'messages',
          src: 'messages',
          input: ({ context, self }) => ({ ports: context.ports, client: self, parent: context.parent }),
          onError: { target: 'closed', actions: 'rememberFailure' },
        },
        {
          id: 'connection',
          src: 'connection',
          input: ({ context, self }) => ({
            ports: context.ports,
            // The subscriptions machine bounds each answer: all of them take as long as there are filters.
            policy: { resubscribeTimeoutMs: Number.POSITIVE_INFINITY, ...context.connection },
            parent: self,
          }),
          onError: { target: 'closed', actions: 'rememberFailure' },
        },
        {
          id: 'queue',
          src: 'offlineQueue',
          input: ({ context, self }) => ({ ports: context.ports, drain: context.drain, parent: self }),
          onError: { target: 'closed', actions: 'rememberFailure' },
        },
        {
          id: 'subscriptions',
          src: 'subscriptions',
          input: ({ context, self }) => ({
            ports: context.ports,
            answerTimeoutMs: context.operationTimeoutMs,
            parent: self,
          }),
          onError: { target: 'closed', actions: 'rememberFailure' },
        },
      ],
      on: {
        // The route of each fact: who has to know it.
        'connection.connected': { actions: 'pass' },
        'connection.usable': { actions: ['startSession', 'pass'] },
        'connection.resubscribed': { actions: ['drainQueue', 'pass'] },
        'connection.live': { actions: 'pass' },
        'connection.flushing': { actions: ['holdQueue', 'pass'] },
        'connection.disconnected': { actions: ['holdQueue', 'endSession', 'pass'] },
        'connection.lost': { actions: 'pass' },
        'connection.failed': { actions: ['forgetAsks', 'pass'] },
        'connection.ended': { actions: 'pass' },
        'connection.faulted': { actions: 'pass' },
        'subscriptions.settled': { actions: ['toConnection', 'pass'] },
        'subscriptions.unanswered': { actions: ['toConnection', 'pass'] },
        'queue.drained': { actions: ['toConnection', 'pass'] },
        'queue.endless': { actions: 'pass' },
        'queue.failed': { actions: ['toConnection', 'pass'] },
        'filter.granted': { actions: 'pass' },
        'filter.refused': { actions: 'pass' },
        'filter.released': { actions: 'pass' },
        'message.received': { actions: 'pass' },
        'message.queued': { actions: 'pass' },
        'message.delivered': { actions: 'pass' },
        'message.undelivered': { actions: 'pass' },
        'subscription.failed': { actions: 'pass' },
        'actor.failed': { target: 'closed', actions: 'rememberFailure' },
        // Also while it closes: each publish is told how it ends.
        publish: { actions: 'toMessages' },
        subscribe: { actions: 'toMessages' },
        unsubscribe: { actions: 'toMessages' },
      },
      initial: 'running',
      states: {
        running: {
          on: {
            connect: { actions: ['countAsk', 'toConnection'] },
            withdraw: [
              { guard: 'isLastToWithdraw', actions: ['countWithdrawal', 'dropLine'] },
              { actions: 'countWithdrawal' },
            ],
            disconnect: { actions: ['forgetAsks', 'toConnection'] },
            'network.online': { actions: 'toConnection' },
            'filter.wanted': { actions: 'holdFilter' },
            'filter.unwanted': { actions: 'releaseFilter' },
            'filter.poisoned': { actions: 'toSubscriptions' },
            'shadow.opened': { actions: 'startShadow' },
            'shadow.closed': { actions: 'stopShadow' },
            pace: { actions: 'toQueue' },
            'backlog.recovered': { actions: 'toQueue' },
            close: { target: 'closing', actions: ['forgetAsks', 'endLine'] },
          },
        },
        closing: {
          after: { closeTimeout: '#client.closed' },
          on: {
            close: { target: 'closing', reenter: true, actions: 'endLine' },
            'connection.ended': { target: '#client.closed', actions: 'pass' },
          },
        },
      },
    },
    closed: { type: 'final' },
  },
});

type _ClientMachine = typeof _clientMachine;
/** The root of a client: starts the other machines, and routes each fact to those who need it. */
export interface ClientMachine extends _ClientMachine {}
/** Started with what `clientInput()` gives; `clientOf()` is the promise API of a running one. Both are in the main entry. */
export const clientMachine: ClientMachine = _clientMachine;
