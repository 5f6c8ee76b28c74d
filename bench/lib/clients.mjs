// The peers, behind one small face: connect, publish, receive. Each is used as its own documentation does.
import net from 'node:net';

const KEEP_ALIVE_SECONDS = 60;
const HOST = '127.0.0.1';
const HIGHEST_PACKET_ID = 65_535;
const LONG_BYTES = 1_024;

/** @param store of the offline queue: the options of `levelStore`; in memory when it is absent */
async function ours({ port, clientId, store }) {
  const { createIotClient, levelStore, memoryStore, plainTcp } = await import('aws-iot-machines');
  const client = createIotClient({
    endpoint: HOST,
    port,
    clientId,
    auth: plainTcp(),
    keepAliveSeconds: KEEP_ALIVE_SECONDS,
    offlineQueue: { store: store === undefined ? memoryStore() : levelStore(store) },
  });
  await client.connect();
  await client.when('live');
  return {
    publish: (topic, payload, qos, done) => client.publish(topic, payload, { qos }).then(done),
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
    publish: (topic, payload, qos, done) => client.publish(topic, payload, { qos }, done),
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
  return {
    publish: (topicName, payload, qos, done) => client.publish({ topicName, payload, qos }).then(done),
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
  return {
    publish: (topic, payload, qos, done) => connection.publish(topic, payload, qos).then(done),
    subscribe: async (filters, handler) => {
      for (const filter of filters) await connection.subscribe(filter, 1, handler);
    },
  };
}

/**
 * No client but the limit of what one can be: packets of mqtt-packet on a socket, and a callback for each that is open. What
 * one turn of the event loop writes goes out in one piece.
 */
async function raw({ port, clientId }) {
  const { default: mqttPacket } = await import('mqtt-packet');
  const socket = net.connect(port, HOST).setNoDelay(true);
  const parser = mqttPacket.parser({ protocolVersion: 4 });
  const answers = new Map();
  let untaken = [];
  let lastId = 0;
  let onMessage;
  let isCorked = false;

  const write = (packet) => {
    if (!isCorked) {
      isCorked = true;
      socket.cork();
      setImmediate(() => {
        isCorked = false;
        socket.uncork();
      });
    }
    // Of its two ways the cheaper one: pieces, of which a long text need not be copied, or one buffer.
    return packet.payload?.length > LONG_BYTES
      ? mqttPacket.writeToStream(packet, socket)
      : socket.write(mqttPacket.generate(packet));
  };
  const ask = (packet, answer) =>
    new Promise((resolve) => {
      answers.set(answer, resolve);
      write(packet);
    });
  const onPacket = {
    publish({ topic, payload, qos, messageId }) {
      onMessage(topic, payload);
      if (qos === 1) write({ cmd: 'puback', messageId });
    },
    puback: ({ messageId }) => answered(messageId),
    connack: () => answered('connack'),
    suback: () => answered('suback'),
  };
  const answered = (key) => {
    const done = answers.get(key);
    answers.delete(key);
    done();
  };

  parser.on('packet', (packet) => onPacket[packet.cmd](packet));
  socket.on('data', (chunk) => parser.parse(chunk));
  socket.on('drain', () => {
    const taken = untaken;
    untaken = [];
    for (const done of taken) done();
  });
  await ask({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, clientId }, 'connack');
  return {
    publish(topic, payload, qos, done) {
      if (qos === 0) {
        if (write({ cmd: 'publish', topic, payload, qos })) done();
        else untaken.push(done);
        return;
      }
      lastId = (lastId % HIGHEST_PACKET_ID) + 1;
      answers.set(lastId, done);
      write({ cmd: 'publish', topic, payload, qos, messageId: lastId });
    },
    async subscribe(filters, handler) {
      onMessage = handler;
      const subscriptions = filters.map((topic) => ({ topic, qos: 1 }));
      await ask({ cmd: 'subscribe', messageId: HIGHEST_PACKET_ID, subscriptions }, 'suback');
    },
  };
}

export const CLIENTS = { ours, raw, mqttjs, crt5, crt311 };
