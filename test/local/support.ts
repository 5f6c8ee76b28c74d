import net from 'node:net';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { generate, type Packet } from 'mqtt-packet';
import { afterEach } from 'vitest';

import {
  type LocalIotCore,
  type LocalIotCoreOptions,
  type LocalIotCoreWarning,
  NO_RATE_LIMITS,
  startLocalIotCore,
} from '../../src/local/index.ts';
import { signedPath } from './upgrade.ts';

const cleanUps: (() => Promise<unknown> | undefined)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/**
 * A core with a plain port that is stopped after the test. Its warnings are kept, not printed. It counts nothing by the second,
 * unless the test says so: tests do not wait.
 */
export async function startCore(
  options: LocalIotCoreOptions = {},
): Promise<LocalIotCore & { warnings: LocalIotCoreWarning[] }> {
  const warnings: LocalIotCoreWarning[] = [];
  const core = await startLocalIotCore({
    plainPort: 0,
    onWarning: (warning) => warnings.push(warning),
    ...options,
    limits: { ...NO_RATE_LIMITS, ...options.limits },
  });
  cleanUps.push(() => core.stop());
  return Object.assign(core, { warnings });
}

const ONCE: IClientOptions = { reconnectPeriod: 0, clean: true, protocolVersion: 4 };

/** Begins to dial, without TLS. The client is ended after the test. */
export function dial(core: LocalIotCore, clientId: string, options: IClientOptions = {}): MqttClient {
  const { port } = core.plainOptions(clientId);
  return keep(mqtt.connect({ protocol: 'mqtt', host: '127.0.0.1', port, clientId, ...ONCE, ...options }));
}

/** A client without TLS, once it is connected. */
export async function connectPlain(
  core: LocalIotCore,
  clientId: string,
  options: IClientOptions = {},
): Promise<MqttClient> {
  return connected(dial(core, clientId, options));
}

/** A client with a device certificate, once it is connected. */
export async function connectDevice(
  core: LocalIotCore,
  clientId: string,
  options: IClientOptions = {},
): Promise<MqttClient> {
  const { endpoint, port, ca, cert, key } = await core.deviceCredentials(clientId);
  const tls = { protocol: 'mqtts', host: endpoint, port, ca, cert, key } as const;
  return connected(keep(mqtt.connect({ ...tls, clientId, ...ONCE, ...options })));
}

/** A client of MQTT over WebSocket, once it is connected. */
export function connectWebSocket(
  core: LocalIotCore,
  clientId: string,
  options: IClientOptions = {},
): Promise<MqttClient> {
  const url = `wss://localhost:${core.webSocketPort}${signedPath(core)}`;
  return connected(keep(mqtt.connect(url, { ca: core.ca, clientId, ...ONCE, ...options })));
}

/** A socket that has sent these packets and reads nothing: it neither pings nor acknowledges. */
export function deafClient(core: LocalIotCore, packets: readonly Packet[]): net.Socket {
  const socket = net.connect(core.plainPort ?? 0, '127.0.0.1').on('error', () => {});
  cleanUps.push(() => Promise.resolve(socket.destroy()));
  socket.write(Buffer.concat(packets.map((packet) => generate(packet))));
  return socket.pause();
}

export function connected(client: MqttClient): Promise<MqttClient> {
  return new Promise((resolve, reject) => {
    if (client.connected) resolve(client);
    client.once('connect', () => resolve(client));
    client.once('error', reject);
  });
}

/** The error that a client reports first. */
export function failure(client: MqttClient): Promise<Error> {
  return new Promise((resolve) => client.once('error', resolve));
}

export function closed(client: MqttClient): Promise<void> {
  return new Promise((resolve) => client.once('close', () => resolve()));
}

/** The next messages that a client receives, as `topic=payload`. */
export function messages(client: MqttClient, count: number): Promise<string[]> {
  return new Promise((resolve) => {
    const found: string[] = [];
    client.on('message', (topic, payload) => {
      found.push(`${topic}=${payload.toString()}`);
      if (found.length === count) resolve(found);
    });
  });
}

function keep(client: MqttClient): MqttClient {
  client.on('error', () => {});
  cleanUps.push(() => client.endAsync(true).catch(() => {}));
  return client;
}
