// The device shadows of the AWS IoT Device SDK for JavaScript, version 2: `settings.client` says with which of its two clients.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { ca, clientId, endpoint, packages, port, serve, settings, signIn, tell } from './control.mjs';

const { iot, iotshadow, mqtt } = createRequire(packages)('aws-iot-device-sdk-v2');

const config = iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder(signIn.cert, signIn.key)
  .with_certificate_authority(ca)
  .with_endpoint(endpoint)
  .with_port(port)
  .with_client_id(clientId)
  .with_clean_session(true)
  .with_reconnect_min_sec(1)
  .build();
const connection = new mqtt.MqttClient().new_connection(config);
connection.on('error', ({ message }) => tell('error', { message }));

/** Asks, and leaves what belongs to what to its caller. */
class First {
  #client = new iotshadow.IotShadowClient(connection);
  #waiting = new Map();

  async open({ thingName, shadowName }) {
    const address = { thingName, shadowName };
    const shadow = kindOf(shadowName);
    const subscribe = (method, listener) =>
      this.#client[method](address, mqtt.QoS.AtLeastOnce, (error, body) => {
        if (error !== undefined) throw error;
        listener(body);
      });
    for (const operation of ['Get', 'Update', 'Delete']) {
      for (const answer of ['Accepted', 'Rejected']) {
        await subscribe(`subscribeTo${operation}${shadow}${answer}`, (body) => {
          this.#waiting.get(body.clientToken)?.({ [answer.toLowerCase()]: body });
        });
      }
    }
    await subscribe(`subscribeTo${shadow}DeltaUpdatedEvents`, (body) => tell('delta', { body }));
    await subscribe(`subscribeTo${shadow}UpdatedEvents`, (body) => tell('documents', { body }));
  }

  ask({ operation, ...request }) {
    const clientToken = randomUUID();
    const method = `publish${operation[0].toUpperCase()}${operation.slice(1)}${kindOf(request.shadowName)}`;
    return new Promise((resolve, reject) => {
      this.#waiting.set(clientToken, resolve);
      this.#client[method]({ ...request, clientToken }, mqtt.QoS.AtLeastOnce).catch(reject);
    });
  }
}

/** Requests with their answers, and streams. */
class Second {
  #client = iotshadow.IotShadowClientv2.newFromMqtt311(connection, {
    maxRequestResponseSubscriptions: 6,
    maxStreamingSubscriptions: 2,
    operationTimeoutInSeconds: 3,
  });

  async open({ thingName, shadowName }) {
    const address = { thingName, shadowName };
    const shadow = kindOf(shadowName);
    await listen('delta', this.#client[`create${shadow}DeltaUpdatedStream`](address));
    await listen('documents', this.#client[`create${shadow}UpdatedStream`](address));
  }

  async ask({ operation, ...request }) {
    try {
      return { accepted: await this.#client[`${operation}${kindOf(request.shadowName)}`](request) };
    } catch ({ message, modeledError }) {
      return modeledError === undefined ? { failed: message } : { rejected: modeledError };
    }
  }
}

async function listen(event, stream) {
  stream.on('incomingPublish', ({ message }) => tell(event, { body: message }));
  const status = once(stream, 'subscriptionStatus');
  stream.open();
  const [{ error }] = await status;
  if (error !== undefined) throw error;
}

const kindOf = (shadowName) => (shadowName === undefined ? 'Shadow' : 'NamedShadow');

const client = settings.client === 'IotShadowClient' ? new First() : new Second();
serve({ open: (address) => client.open(address), ask: (request) => client.ask(request) });
connection.connect().then(
  () => tell('connected'),
  ({ message }) => tell('error', { message }),
);
