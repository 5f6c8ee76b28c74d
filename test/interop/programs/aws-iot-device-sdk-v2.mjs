// The AWS IoT Device SDK for JavaScript, version 2, with its client for MQTT 3.1.1.
import { createRequire } from 'node:module';
import { ca, clientId, endpoint, obey, packages, port, region, signIn, tell } from './control.mjs';

const { auth, iot, mqtt } = createRequire(packages)('aws-iot-device-sdk-v2');
const { AwsIotMqttConnectionConfigBuilder: Builder } = iot;

function authorized(builder, { username, name, signature, password, tokenKeyName, token }) {
  return builder.with_custom_authorizer(username, name, signature, password, tokenKeyName, token);
}

const SIGN_INS = {
  certificate: ({ cert, key }) => Builder.new_mtls_builder(cert, key),
  keys: ({ accessKeyId, secretAccessKey, sessionToken }) =>
    Builder.new_with_websockets({
      region,
      credentials_provider: auth.AwsCredentialsProvider.newStatic(accessKeyId, secretAccessKey, sessionToken),
    }),
  authorizer: (parameters) => authorized(Builder.new_default_builder(), parameters),
  webSocketAuthorizer: (parameters) => authorized(Builder.new_builder_for_websocket(), parameters),
};

const config = SIGN_INS[signIn.kind](signIn)
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
connection.connect().then(
  () => tell('connected'),
  ({ message }) => tell('error', { message }),
);
