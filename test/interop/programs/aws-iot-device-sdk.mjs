// The AWS IoT Device SDK for JavaScript, version 1.
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { ca, cert, clientId, endpoint, key, obey, packages, port, tell } from './control.mjs';

const { device } = createRequire(packages)('aws-iot-device-sdk');

const client = device({
  host: endpoint,
  port,
  clientId,
  caCert: Buffer.from(ca),
  clientCert: Buffer.from(cert),
  privateKey: Buffer.from(key),
  baseReconnectTimeMs: 100,
});
client.on('connect', () => tell('connected'));
client.on('close', () => tell('disconnected'));
client.on('message', (topic, payload) => tell('message', { topic, payload: payload.toString() }));
client.on('error', ({ message }) => tell('error', { message }));
obey({
  subscribe: (topic) => promisify(client.subscribe).call(client, topic, { qos: 1 }),
  publish: (topic, payload) => promisify(client.publish).call(client, topic, payload, { qos: 1 }),
});
