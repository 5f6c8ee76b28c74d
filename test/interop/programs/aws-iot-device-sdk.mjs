// The AWS IoT Device SDK for JavaScript, version 1.
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { ca, clientId, endpoint, obey, packages, port, region, signIn, tell } from './control.mjs';

const { device } = createRequire(packages)('aws-iot-device-sdk');

const webSocket = { region, websocketOptions: { ca } };
const SIGN_INS = {
  certificate: ({ cert, key }) => ({
    caCert: Buffer.from(ca),
    clientCert: Buffer.from(cert),
    privateKey: Buffer.from(key),
  }),
  keys: ({ accessKeyId, secretAccessKey, sessionToken }) => ({
    ...{ ...webSocket, protocol: 'wss', accessKeyId, secretKey: secretAccessKey },
    ...(sessionToken && { sessionToken }),
  }),
  query: ({ query }) => ({ ...webSocket, protocol: 'wss-custom-auth', customAuthQueryString: query }),
  headers: ({ headers }) => ({ ...webSocket, protocol: 'wss-custom-auth', customAuthHeaders: headers }),
};

const place = { host: endpoint, port, clientId, baseReconnectTimeMs: 100 };
const client = device({ ...place, ...SIGN_INS[signIn.kind](signIn) });
client.on('connect', () => tell('connected'));
client.on('close', () => tell('disconnected'));
client.on('message', (topic, payload) => tell('message', { topic, payload: payload.toString() }));
client.on('error', ({ message }) => tell('error', { message }));
obey({
  subscribe: (topic) => promisify(client.subscribe).call(client, topic, { qos: 1 }),
  publish: (topic, payload) => promisify(client.publish).call(client, topic, payload, { qos: 1 }),
});
