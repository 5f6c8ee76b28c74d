// A user's program that uses a client, the local core and the tools for tests. It is compiled, and never run.
import {
  cognitoIdentity,
  createIotClient,
  customAuthorizer,
  IOT_ERROR_CODES,
  type IotClient,
  IotError,
  type IotErrorCode,
  levelStore,
  type Message,
  mutualTls,
  plainTcp,
  type Shadow,
  type ShadowDelta,
  ShadowRejectedError,
  type Status,
  sigV4,
} from 'aws-iot-machines';
import { createMqttTransport } from 'aws-iot-machines/adapters';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from 'aws-iot-machines/local';
import { answer, connack, FaultProxy, ScriptedBroker, SimulatedClock } from 'aws-iot-machines/testing';

export const clients: readonly IotClient[] = [
  createIotClient({
    endpoint: 'a',
    clientId: 'lamp',
    auth: mutualTls({ cert: 'c', key: 'k' }),
    ca: 'ca.pem',
  }),
  createIotClient({
    endpoint: 'a',
    auth: sigV4({ credentials: cognitoIdentity({ identityPoolId: 'a:b' }) }),
  }),
  createIotClient({ endpoint: 'a', auth: customAuthorizer({ name: 'a', username: 'u', password: 'p' }) }),
  createIotClient({
    endpoint: 'a',
    auth: plainTcp(),
    protocolVersion: 5,
    session: { expirySeconds: 60 },
    reconnect: { maxMs: 10_000 },
    offlineQueue: { maxMessages: 5, overflow: 'dropOldest', store: levelStore({ directory: 'queue' }) },
    will: { topic: 'gone', payload: 'x', qos: 1 },
  }),
];
// @ts-expect-error it has an endpoint
createIotClient({ auth: plainTcp() });
// @ts-expect-error no such option
createIotClient({ endpoint: 'a', auth: plainTcp(), reconect: {} });
// @ts-expect-error no such session
createIotClient({ endpoint: 'a', auth: plainTcp(), session: 'eternal' });

interface Lamp {
  readonly power?: 'on' | 'off';
  readonly brightness?: number;
}

export async function use(client: IotClient): Promise<void> {
  const { signal } = new AbortController();
  await client.connect({ signal, timeoutMs: 1_000 });
  const receipt = await client.publish('a', { moisture: 0.4 }, { qos: 1, expiresInMs: 1_000 });
  if (receipt.state === 'queued') await receipt.delivered;
  await client.publish('a', new Uint8Array(1), { retain: true });
  // @ts-expect-error there is no QoS 2
  await client.publish('a', 'b', { qos: 2 });
  const subscription = await client.subscribe('a/+', { qos: 1 }, (message: Message) => message.text());
  const { qos } = await subscription.granted;
  // @ts-expect-error a handler takes a message
  await client.subscribe('a/+', (message: string) => message + qos);
  for await (const { topic, payload } of client.messages('a/#'))
    if (topic === 'end') return void payload.length;
  for await (const status of client.statusChanges()) if (status.state === 'live') break;
  for (const { topic, state } of client.queue) if (state === 'waiting') return void topic;
  client.queue.configure({ maxMessages: 10 });
  client.on('undelivered', ({ error }) => error.code);
  // @ts-expect-error no such event
  client.on('delivered', () => {});
  await client.disconnect({ flushTimeoutMs: 0 });
  await client.close();
}

export function inWords(status: Status): string {
  switch (status.state) {
    case 'backingOff':
      return `${status.retryAt} ${status.reason?.message}`;
    case 'live':
      return String(status.sessionPresent);
    default:
      // @ts-expect-error only who backs off says when
      return `${status.state} ${status.retryAt}`;
  }
}

export async function follow(client: IotClient): Promise<number> {
  const shadow: Shadow<Lamp> = client.shadow<Lamp>('lamp', { name: 'night' });
  const stop = shadow.onDelta(
    async ({ state }: ShadowDelta<Lamp>) => await shadow.update({ reported: state }),
  );
  stop();
  const { reported, synced } = await shadow.whenSynced();
  await shadow.update({ desired: { power: 'on', brightness: null } }, { version: 3 });
  await shadow.update((current) => ({
    desired: { brightness: (current?.state.desired?.brightness ?? 0) + 1 },
  }));
  // @ts-expect-error no lamp is dim
  await shadow.update({ desired: { power: 'dim' } });
  // @ts-expect-error a document has no such section
  await shadow.update({ wanted: { power: 'on' } });
  return synced ? (reported?.brightness ?? 0) : await shadow.delete();
}

export function advice(error: unknown): string | undefined {
  if (error instanceof ShadowRejectedError && error.reasonCode === 409) return 'again';
  if (!IotError.is(error)) return undefined;
  const code: IotErrorCode = error.code;
  // @ts-expect-error no such code
  if (error.code === 'OUT_OF_PAPER') return 'paper';
  return IOT_ERROR_CODES.includes(code) ? error.remediation : error.recovery;
}

export async function play(): Promise<number> {
  const core: LocalIotCore = await startLocalIotCore({ limits: NO_RATE_LIMITS, webSocketPort: 0 });
  const client = createIotClient({ ...core.deviceOptions('lamp'), session: 'persistent' });
  await core.faults.dropConnections({ clientId: client.clientId });
  core.shadows.update({ thingName: 'lamp' }, { state: { desired: { power: 'on' } } });
  core.tap.on(({ packet, topic }) => packet === 'publish' && topic === 'a');
  // @ts-expect-error no such fault
  core.faults.dropEverything();
  await core.when(() => core.received.length > 0);
  await core.stop();
  return core.port;
}

export async function rehearse(): Promise<void> {
  const clock = new SimulatedClock();
  const broker = await ScriptedBroker.start();
  const proxy = await FaultProxy.start({ to: { host: '127.0.0.1', port: broker.port } });
  createIotClient({ endpoint: '127.0.0.1', port: proxy.port, auth: plainTcp(), clock });
  // @ts-expect-error a clock that does not tell the time
  createIotClient({ endpoint: '127.0.0.1', auth: plainTcp(), clock: { setTimeout: () => 0 } });
  void [answer, connack, createMqttTransport];
}
