// The AWS IoT Device SDK for JavaScript, version 2, with its client for MQTT 3.1.1.
import { createRequire } from 'node:module';
import { ca, cert, clientId, endpoint, key, obey, packages, port, tell } from './control.mjs';

const { iot, mqtt } = createRequire(packages)('aws-iot-device-sdk-v2');

const config = iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder(cert, key)
  .with_certificate_authority(ca)
  .with_endpoint(endpoint)
  .with_port(port)
  .with_client_id(clientId)
  // After a clean session it would have to be told to subscribe again.
  .with_clean_session(false)
  .with_reconnect_min_sec(1)
  .build();
const connection = new mqtt.MqttClient().new_connection(config);
connection.on('resume', () => tell('connected'));
connection.on('interrupt', () => tell('disconnected'));
connection.on('error', ({ message }) => tell('error', { message }));
obey({
  subscribe: (topic) =>
    connection.subscribe(topic, mqtt.QoS.AtLeastOnce, (name, payload) =>
      tell('message', { topic: name, payload: new TextDecoder().decode(payload) }),
    ),
  publish: (topic, payload) => connection.publish(topic, payload, mqtt.QoS.AtLeastOnce),
});
await connection.connect();
tell('connected');
