// A user's program that uses every machine as XState's types have it. It is compiled, and never run.
import {
  type AttachWire,
  actorOf,
  type ClientFact,
  type ClientInput,
  type ConnectionCommand,
  type ConnectionFact,
  type ConnectionInput,
  type ConnectionPorts,
  clientMachine,
  connectionMachine,
  type DeviceShadowFact,
  type DeviceShadowInput,
  type DeviceShadowPorts,
  deviceShadowMachine,
  Handle,
  type OfflineQueueFact,
  type OfflineQueueInput,
  type OfflineQueuePorts,
  type OpenTransport,
  offlineQueueMachine,
  type ShadowOperationFact,
  type ShadowOperationInput,
  type ShadowOperationOutput,
  type ShadowOperationPorts,
  type SubscriptionsFact,
  type SubscriptionsInput,
  type SubscriptionsPorts,
  shadowOperationMachine,
  subscriptionsMachine,
} from 'aws-iot-machines/machines';
import {
  type ActorRefFrom,
  assign,
  createActor,
  type EmittedFrom,
  type EventFromLogic,
  fromCallback,
  type InputFrom,
  type OutputFrom,
  type SnapshotFrom,
  sendTo,
  setup,
  waitFor,
} from 'xstate';

/** Fails to compile unless both are the same type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(isSame: Same<A, B>): void => void isSame;
type AnyOf<T> = 0 extends 1 & T ? true : false;
const notAny = <T>(isAny: AnyOf<T>): void => void isAny;

// ————— what goes in and comes out

same<NonNullable<InputFrom<typeof connectionMachine>>, ConnectionInput>(true);
same<NonNullable<InputFrom<typeof offlineQueueMachine>>, OfflineQueueInput>(true);
same<NonNullable<InputFrom<typeof subscriptionsMachine>>, SubscriptionsInput>(true);
same<NonNullable<InputFrom<typeof clientMachine>>, ClientInput>(true);
same<NonNullable<InputFrom<typeof deviceShadowMachine>>, DeviceShadowInput>(true);
same<NonNullable<InputFrom<typeof shadowOperationMachine>>, ShadowOperationInput>(true);
same<EmittedFrom<typeof connectionMachine>, ConnectionFact>(true);
same<EmittedFrom<typeof offlineQueueMachine>, OfflineQueueFact>(true);
same<EmittedFrom<typeof subscriptionsMachine>, SubscriptionsFact>(true);
same<EmittedFrom<typeof clientMachine>, ClientFact>(true);
same<EmittedFrom<typeof deviceShadowMachine>, DeviceShadowFact>(true);
same<EmittedFrom<typeof shadowOperationMachine>, ShadowOperationFact>(true);
same<OutputFrom<typeof shadowOperationMachine>, ShadowOperationOutput>(true);
notAny<EventFromLogic<typeof connectionMachine>>(false);
notAny<EventFromLogic<typeof clientMachine>>(false);
notAny<SnapshotFrom<typeof deviceShadowMachine>['context']>(false);
// @ts-expect-error the helper can fail
same<EmittedFrom<typeof connectionMachine>, OfflineQueueFact>(true);

// ————— ports of the user's own

const attach: AttachWire = () => ({ detach: ({ error }) => error });
const openTransport: OpenTransport = (report) => {
  report({ type: 'transport.signedIn' });
  report({ type: 'transport.connected', session: { sessionPresent: false, receiveMaximum: 100 } });
  // @ts-expect-error a session says how many publishes may be open
  report({ type: 'transport.connected', session: { sessionPresent: false } });
  return { disconnect: () => {}, free: () => void attach };
};
const connectionPorts: Handle<ConnectionPorts> = new Handle({ openTransport });
export const queuePorts = new Handle<OfflineQueuePorts>({
  outbox: { setFlow: () => {}, release: () => {}, backlog: 0, joined: 0 },
});
export const subscriptionsPorts = new Handle<SubscriptionsPorts>({ currentWire: () => undefined });
export const operationPorts = new Handle<ShadowOperationPorts>({
  watchLine: (listener) => {
    listener({ type: 'line.up' });
    return () => {};
  },
  takeSlot: (taken) => {
    taken();
    return () => {};
  },
  listen: (listener) => {
    listener({ type: 'topics.granted' });
    return () => {};
  },
  publish: (told) => {
    told({ type: 'request.sent' });
    return () => {};
  },
  onReleased: () => () => {},
});
export const shadowPorts = new Handle<DeviceShadowPorts>({
  watchLine: () => () => {},
  watchTopics: () => ({ change: () => {}, release: () => {} }),
  openGet: () => operationPorts,
  offerDelta: async () => {},
});
// @ts-expect-error what a connection reaches the world by has a transport
export const nothing = new Handle<ConnectionPorts>({});

// ————— each machine alone

export const connection = createActor(connectionMachine, {
  input: { ports: connectionPorts, policy: { attemptTimeoutMs: 1_000 } },
});
connection.on('connection.lost', ({ error }) => error.code === 'CONNECTION_LOST');
connection.on('*', (fact) => fact.type);
connection.send({ type: 'connect' });
connection.send({ type: 'disconnect', flushTimeoutMs: 0 });
export const command: ConnectionCommand = { type: 'network.online' };
connection.send(command);
const snapshot = connection.getSnapshot();
snapshot.matches('idle');
snapshot.matches({ line: 'connecting' });
snapshot.matches({ line: { connected: { session: { up: 'live' } } } });
snapshot.matches({ line: { connected: { stability: 'stable' } } });
snapshot.matches({ backingOff: 'slow' });
snapshot.can({ type: 'connect' });
export const retryAt: number = snapshot.context.retryAt;
export const code = snapshot.context.failure?.code;
snapshot.children.transport?.send({ type: 'disconnect' });
// @ts-expect-error no such policy
createActor(connectionMachine, { input: { ports: connectionPorts, policy: { attempts: 1 } } });
// @ts-expect-error no such fact
connection.on('connection.found', () => {});
// @ts-expect-error no such command
connection.send({ type: 'connekt' });
// @ts-expect-error a time is a number
connection.send({ type: 'disconnect', flushTimeoutMs: 'soon' });
// @ts-expect-error no such state
snapshot.matches('live');
// @ts-expect-error no such state below it
snapshot.matches({ backingOff: 'quickly' });

export const queue = createActor(offlineQueueMachine, {
  input: { ports: queuePorts, drain: { perSecond: 5 } },
});
queue.on('queue.drained', () => {});
queue.send({ type: 'pace', drain: { perSecond: 2, adaptive: false } });
queue.getSnapshot().matches({ draining: 'betweenBeats' });
// @ts-expect-error no such state
queue.getSnapshot().matches('drained');
// @ts-expect-error a pace says how fast
queue.send({ type: 'pace' });

export const subscriptions = createActor(subscriptionsMachine, { input: { ports: subscriptionsPorts } });
subscriptions.on('filter.granted', ({ filter, qos }) => filter.length + qos);
subscriptions.send({ type: 'subscribe', filter: 'a/#', qos: 1 });
export const grantedQos: 0 | 1 | undefined = subscriptions
  .getSnapshot()
  .context.wanted.get('a/#')?.grantedQos;
// @ts-expect-error there is no QoS 2
subscriptions.send({ type: 'subscribe', filter: 'a/#', qos: 2 });

export const shadow = createActor(deviceShadowMachine, { input: { ports: shadowPorts } });
shadow.on('shadow.refused', ({ error }) => error.remediation);
shadow.send({ type: 'watch', watched: { deltas: true, documents: false } });
export const version: number | undefined = shadow.getSnapshot().context.versions.copy;
// @ts-expect-error it watches something, or is told to stop
shadow.send({ type: 'watch' });

export const operation = createActor(shadowOperationMachine, {
  input: { ports: operationPorts, kind: 'get', timeoutMs: 100 },
});
operation.on('operation.ended', ({ outcome }) => {
  if (outcome.type === 'accepted') return outcome.version;
  // @ts-expect-error what failed has no version
  return outcome.error.message + outcome.version;
});
export async function outcomeOf(): Promise<string> {
  const { output } = await waitFor(operation, ({ status }) => status === 'done');
  return output?.outcome.type ?? 'none';
}
// @ts-expect-error nobody asks to watch
createActor(shadowOperationMachine, { input: { ports: operationPorts, kind: 'watch' } });

// ————— provided otherwise

export const impatient = connectionMachine.provide({
  delays: { attemptTimeout: 10, retry: ({ context }) => context.failures * 10 },
  guards: { isFatal: ({ context }) => context.failure?.code === 'PROTOCOL_ERROR' },
  actors: { drain: fromCallback(({ sendBack }) => sendBack({ type: 'queue.drained' })) },
});
createActor(impatient, { input: { ports: connectionPorts } })
  .getSnapshot()
  .matches('failed');
// @ts-expect-error no such delay
connectionMachine.provide({ delays: { patience: 10 } });
// @ts-expect-error no such guard
connectionMachine.provide({ guards: { isFunny: () => true } });

// ————— in an app's machine

export const appMachine = setup({
  types: {
    context: {} as { readonly isLive: boolean; readonly get: ShadowOperationOutput | undefined },
    events: {} as ConnectionFact | { readonly type: 'stop' },
    children: {} as { line: 'connection'; shadow: 'operation' },
  },
  actors: { connection: connectionMachine, operation: shadowOperationMachine },
  actions: {
    dial: sendTo('line', { type: 'connect' }),
    hangUp: sendTo('line', { type: 'disconnect' }),
  },
}).createMachine({
  id: 'app',
  context: { isLive: false, get: undefined },
  invoke: { id: 'line', src: 'connection', input: ({ self }) => ({ ports: connectionPorts, parent: self }) },
  entry: 'dial',
  initial: 'waiting',
  states: {
    waiting: {
      on: {
        'connection.live': { target: 'asking', actions: assign({ isLive: true }) },
        'connection.failed': {
          target: 'over',
          actions: assign({ isLive: ({ event }) => event.error.code === 'CLOSED' }),
        },
      },
    },
    asking: {
      invoke: {
        id: 'shadow',
        src: 'operation',
        input: { ports: operationPorts, kind: 'get' },
        onDone: { target: 'over', actions: assign({ get: ({ event }) => event.output }) },
      },
      on: { stop: { target: 'over', actions: 'hangUp' } },
    },
    over: { type: 'final' },
  },
});
const app = createActor(appMachine);
export const line: ActorRefFrom<typeof connectionMachine> | undefined = app.getSnapshot().children.line;
line?.send({ type: 'network.online' });
app.getSnapshot().children.shadow?.getSnapshot().matches({ open: 'waiting' });
// @ts-expect-error a child of another kind
export const wrong: ActorRefFrom<typeof offlineQueueMachine> | undefined = app.getSnapshot().children.line;

export const wrongApp = setup({ actors: { connection: connectionMachine } }).createMachine({
  // @ts-expect-error the ports are its input
  invoke: { src: 'connection', input: {} },
});

// ————— the client's machine, and its children

export function watch(client: object, input: ClientInput) {
  const actor: ActorRefFrom<typeof clientMachine> = actorOf(client);
  const { children } = actor.getSnapshot();
  children.connection?.getSnapshot().matches('backingOff');
  children.queue?.getSnapshot().matches('open');
  const granted = children.subscriptions?.getSnapshot().context.unwanted.size;
  actor.on('connection.live', () => {});
  // @ts-expect-error a number, or nothing
  const name: string = granted;
  return [createActor(clientMachine, { input }), children.connection?.getSnapshot().value, name];
}

export const fleetMachine = setup({
  types: { input: {} as ClientInput, context: {} as { readonly input: ClientInput } },
  actors: { client: clientMachine, shadow: deviceShadowMachine, queue: offlineQueueMachine },
}).createMachine({
  context: ({ input }) => ({ input }),
  entry: assign(({ context, spawn }) => {
    spawn('client', { id: 'lamp', input: context.input });
    // @ts-expect-error no such actor
    spawn('lamp', { input: context.input });
    return {};
  }),
  invoke: [
    { src: 'shadow', input: { ports: shadowPorts } },
    { src: 'queue', input: { ports: queuePorts } },
  ],
});
