// Clients of device shadows behind one small face. Each is used as its own documentation does.
const KEEP_ALIVE_SECONDS = 60;
const HOST = '127.0.0.1';
/** More than any case asks for. */
const SUBSCRIPTIONS = 100;

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
    get: (thing) => client.shadow(thing).get(),
    update: (thing, reported) => client.shadow(thing).update({ reported }),
    async onDelta(thing, handler) {
      client.shadow(thing).onDelta(handler);
      await client.shadow(thing).whenSynced();
    },
  };
}

/** aws-iot-device-sdk-v2: its V2 shadow client over its MQTT 3.1.1 client. */
async function v2({ port, clientId }) {
  const { iotshadow, mqtt, io } = (await import('aws-iot-device-sdk-v2')).default;
  const connection = new mqtt.MqttClient().new_connection({
    client_id: clientId,
    host_name: HOST,
    port,
    keep_alive: KEEP_ALIVE_SECONDS,
    clean_session: true,
    socket_options: new io.SocketOptions(),
  });
  await connection.connect();
  const shadows = iotshadow.IotShadowClientv2.newFromMqtt311(connection, {
    maxRequestResponseSubscriptions: SUBSCRIPTIONS,
    maxStreamingSubscriptions: SUBSCRIPTIONS,
    // Under load it forgets to send some of those that are asked for at once: those end by this.
    operationTimeoutInSeconds: 2,
  });
  return {
    get: (thingName) => shadows.getShadow({ thingName }),
    update: (thingName, reported) => shadows.updateShadow({ thingName, state: { reported } }),
    async onDelta(thingName, handler) {
      const stream = shadows.createShadowDeltaUpdatedStream({ thingName });
      stream.on('incomingPublish', handler);
      const established = new Promise((resolve) => stream.once('subscriptionStatus', resolve));
      stream.open();
      await established;
    },
  };
}

export const SHADOW_CLIENTS = { ours, v2 };
