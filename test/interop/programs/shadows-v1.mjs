// The device shadows of the AWS IoT Device SDK for JavaScript, version 1.
import { createRequire } from 'node:module';
import { ca, clientId, endpoint, packages, port, serve, settings, signIn, tell } from './control.mjs';

const { thingShadow } = createRequire(packages)('aws-iot-device-sdk');

const things = thingShadow(
  {
    ...{ host: endpoint, port, clientId, baseReconnectTimeMs: 100 },
    caCert: Buffer.from(ca),
    clientCert: Buffer.from(signIn.cert),
    privateKey: Buffer.from(signIn.key),
  },
  { operationTimeout: 3_000 },
);
/** What to do with the answer to each token. */
const waiting = new Map();
const settle = (token, outcome) => {
  waiting.get(token)?.(outcome);
  waiting.delete(token);
};

things.on('connect', () => tell('connected'));
things.on('close', () => tell('disconnected'));
things.on('error', ({ message }) => tell('error', { message }));
things.on('delta', (_, body) => tell('delta', { body }));
things.on('foreignStateChange', (_, operation, body) => tell('foreign', { body: { operation, ...body } }));
things.on('status', (_, answer, token, body) => settle(token, { [answer]: body }));
things.on('timeout', (_, token) => settle(token, { failed: 'timeout' }));

serve({
  open: ({ thingName }) =>
    new Promise((resolve, reject) => {
      things.register(thingName, settings, (error) => (error === undefined ? resolve() : reject(error)));
    }),
  /** Forgets what it knows of the shadow. */
  forget: ({ thingName }) => things.unregister(thingName),
  ask: ({ thingName, operation, ...body }) =>
    new Promise((resolve) => {
      const token = operation === 'update' ? things.update(thingName, body) : things[operation](thingName);
      if (token === null) resolve({ failed: 'refused' });
      else waiting.set(token, resolve);
    }),
});
