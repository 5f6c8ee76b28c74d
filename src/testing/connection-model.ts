import type { AnyMachineSnapshot } from 'xstate';
import type { ConnectionContext, ConnectionEvent, ConnectionMachine } from '../machines/index.ts';
import { connectionMachine, Handle } from '../machines/index.ts';
import type { IotErrorCode } from '../protocol/errors.ts';
import { eventWords } from './event-words.ts';
import type { Adjacency, Claim, Edge, ModelEvent } from './graph.ts';
import { type MachineModel, machineModel } from './machine-model.ts';
import { broke, errorOf, isIn, refuse } from './model-events.ts';
import { withoutActors } from './never-ending.ts';

const failed = (code: IotErrorCode): ConnectionEvent => ({ type: 'transport.failed', error: errorOf(code) });

/** As of a WebSocket, the only line that has a lifetime. */
const session = { sessionPresent: false, receiveMaximum: 65_535, lifetimeMs: 85_800_000 };

/** What may come at any time. Of the reasons of a failure one for each way that follows. */
const EVENTS: readonly (ConnectionEvent | ModelEvent)[] = [
  { type: 'connect' },
  { type: 'disconnect' },
  { type: 'network.online' },
  { type: 'transport.signedIn' },
  { type: 'transport.connected', session },
  { type: 'transport.connected', session: { ...session, caution: { quietMs: 500, filtersPerSubscribe: 8 } } },
  failed('SERVER_UNAVAILABLE'),
  failed('NOT_AUTHORIZED'),
  failed('BAD_CREDENTIALS'),
  failed('INVALID_CLIENT_ID'),
  { type: 'transport.closed', error: errorOf('CONNECTION_LOST') },
  { type: 'subscriptions.settled' },
  { type: 'subscriptions.unanswered', error: errorOf('OPERATION_TIMEOUT') },
  { type: 'queue.drained' },
  { type: 'queue.failed', error: errorOf('INTERNAL') },
  { type: 'outbox.flushed' },
  ...['transport', 'flush', 'resubscription', 'drain', 'unforeseen'].map(broke),
];

/**
 * A model of {@link connectionMachine}: sign-in, dialing, resubscribing, draining, live, planned ends, backoff, failed.
 * Its events are the commands of an app, what a transport, the subscriptions and the queue report, all timers, and the
 * faults of its actors; failures come with one error for each kind of recovery.
 */
export function connectionModel(): MachineModel<ConnectionMachine> {
  return machineModel(withoutActors(connectionMachine), {
    input: {
      ports: new Handle({ openTransport: refuse, random: () => 0.5, now: () => 0 }),
    },
    events: EVENTS,
    abstract: ({ refusedSignIns }: ConnectionContext) => Math.min(refusedSignIns, 1),
    describe,
    claims: CLAIMS,
  });
}

function describe(event: ModelEvent): string {
  const { session: told } = event;
  const isUnderInquiry = typeof told === 'object' && told !== null && 'caution' in told;
  return isUnderInquiry ? `${event.type} (under inquiry)` : eventWords(event);
}

const SESSION = 'line.connected.session';
const isIdle = isIn('idle');
const isLine = isIn('line');
const isDialing = isIn('line.connecting', 'backingOff');
const isLive = isIn(`${SESSION}.up.live`);
const isDraining = isIn(`${SESSION}.up.draining`);
const isResubscribing = isIn(`${SESSION}.up.resubscribing`);
const isFailed = isIn('failed');
const isTimer = ({ event }: Edge): boolean => event.type.startsWith('xstate.after.');
const isCommand = ({ event }: Edge): boolean => event.type === 'connect' || event.type === 'disconnect';

const afterDisconnect = ({ edges }: Adjacency): AnyMachineSnapshot[] =>
  edges.filter(({ event }) => event.type === 'disconnect').map(({ to }) => to);

const CLAIMS: readonly Claim[] = [
  {
    description: 'after disconnect nothing dials without a new connect',
    broken: (graph) =>
      graph.reachable(afterDisconnect(graph), ({ event }) => event.type !== 'connect').filter(isDialing),
  },
  {
    description: 'after disconnect it becomes idle by timers alone',
    broken: (graph) =>
      afterDisconnect(graph).filter((state) => !graph.reachable([state], isTimer).some(isIdle)),
  },
  {
    description: 'the transport runs exactly while there is a line',
    broken: ({ states }) => states.filter((state) => isLine(state) !== 'transport' in state.children),
  },
  {
    description: 'after connect it can become live from everywhere without another command',
    broken: ({ states, edges, reachable }) =>
      states.filter((state) => {
        const asked = edges.find(({ from, event }) => from === state && event.type === 'connect');
        return !reachable([asked?.to ?? state], (edge) => !isCommand(edge)).some(isLive);
      }),
  },
  {
    description: 'nothing drains before it is resubscribed, and nothing is live before it is drained',
    broken: ({ edges }) =>
      edges.filter(
        ({ from, to }) =>
          (isLive(to) && !isLive(from) && !isDraining(from)) ||
          (isDraining(to) && !isDraining(from) && !isResubscribing(from)),
      ),
  },
  {
    description: 'only an error that cannot be mended stops it for good',
    broken: ({ edges }) =>
      edges.filter(
        ({ from, to }) =>
          isFailed(to) && !isFailed(from) && (to.context as ConnectionContext).failure?.recovery !== 'fatal',
      ),
  },
];
