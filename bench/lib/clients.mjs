// The peers, behind one small face: connect, publish in two ways, receive. Each is used as its own documentation does.

const KEEP_ALIVE_SECONDS = 60;
const HOST = '127.0.0.1';

/** Publishes `count` messages with at most `bound` without their end; `send(done)` starts one. */
function bounded(count, bound, send) {
  return new Promise((resolve) => {
    let sent = 0;
    let ended = 0;
    let isPumping = false;
    const done = () => {
      ended++;
      if (ended === count) resolve();
      else if (!isPumping) pump();
    };
    // Some clients call back inside of the call: the loop then goes on by itself.
    const pump = () => {
      isPumping = true;
      while (sent < count && sent - ended < bound) {
        sent++;
        send(done);
      }
      isPumping = false;
    };
    pump();
  });
}

/** Publishes `count` messages, `batch` promises at a time. */
async function batched(count, batch, send) {
  for (let sent = 0; sent < count; sent += batch) {
    const promises = [];
    for (let i = sent; i < Math.min(sent + batch, count); i++) promises.push(send());
    await Promise.all(promises);
  }
}

async function ours({ port, clientId }) {
  const { createIotClient, plainTcp } = await import('aws-iot-machines');
  const client = createIotClient({
    endpoint: HOST,
    port,
    clientId,
    auth: plainTcp(),
    keepAliveSeconds: KEEP_ALIVE_SECONDS,
  });
  await client.connect();
  await client.when('live');
  return {
    batched: ({ count, batch, topic, payload, qos }) =>
      batched(count, batch, () => client.publish(topic, payload, { qos })),
    bounded: ({ count, bound, topic, payload, qos }) =>
      bounded(count, bound, (done) => client.publish(topic, payload, { qos }).then(done)),
    subscribe: (filters, handler) =>
      Promise.all(filters.map((filter) => client.subscribe(filter, { qos: 1 }, handler))),
  };
}

async function mqttjs({ port, clientId }) {
  const { default: mqtt } = await import('mqtt');
  const client = await mqtt.connectAsync(`mqtt://${HOST}:${port}`, {
    clientId,
    keepalive: KEEP_ALIVE_SECONDS,
    reconnectPeriod: 0,
  });
  return {
    batched: ({ count, batch, topic, payload, qos }) =>
      batched(count, batch, () => client.publishAsync(topic, payload, { qos })),
    bounded: ({ count, bound, topic, payload, qos }) =>
      bounded(count, bound, (done) => client.publish(topic, payload, { qos }, done)),
    subscribe: async (filters, handler) => {
      client.on('message', handler);
      await client.subscribeAsync(filters, { qos: 1 });
    },
  };
}

/** aws-iot-device-sdk-v2, its MQTT 5 client, with the client's own rate limits off. */
async function crt5({ port, clientId }) {
  const { mqtt5 } = (await import('aws-iot-device-sdk-v2')).default;
  const client = new mqtt5.Mqtt5Client({
    hostName: HOST,
    port,
    connectProperties: { clientId, keepAliveIntervalSeconds: KEEP_ALIVE_SECONDS },
    extendedValidationAndFlowControlOptions: mqtt5.ClientExtendedValidationAndFlowControl.None,
  });
  client.on('error', () => {});
  const connected = new Promise((resolve) => client.once('connectionSuccess', resolve));
  client.start();
  await connected;
  const send = ({ topic, payload, qos }) => client.publish({ topicName: topic, payload, qos });
  return {
    batched: ({ count, batch, ...message }) => batched(count, batch, () => send(message)),
    bounded: ({ count, bound, ...message }) => bounded(count, bound, (done) => send(message).then(done)),
    subscribe: async (filters, handler) => {
      client.on('messageReceived', handler);
      await client.subscribe({ subscriptions: filters.map((topicFilter) => ({ topicFilter, qos: 1 })) });
    },
  };
}

/** aws-iot-device-sdk-v2, its MQTT 3.1.1 client. */
async function crt311({ port, clientId }) {
  const { mqtt, io } = (await import('aws-iot-device-sdk-v2')).default;
  const client = new mqtt.MqttClient();
  const connection = client.new_connection({
    client_id: clientId,
    host_name: HOST,
    port,
    keep_alive: KEEP_ALIVE_SECONDS,
    clean_session: true,
    socket_options: new io.SocketOptions(),
  });
  await connection.connect();
  const send = ({ topic, payload, qos }) => connection.publish(topic, payload, qos);
  return {
    batched: ({ count, batch, ...message }) => batched(count, batch, () => send(message)),
    bounded: ({ count, bound, ...message }) => bounded(count, bound, (done) => send(message).then(done)),
    subscribe: async (filters, handler) => {
      for (const filter of filters) await connection.subscribe(filter, 1, handler);
    },
  };
}

export const CLIENTS = { ours, mqttjs, crt5, crt311 };
