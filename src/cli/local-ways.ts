import type { DeviceFiles } from './local-files.ts';

/** All that the texts below name. */
export interface ConnectionFacts {
  /** The client id, and the name of the thing. */
  readonly thing: string;
  readonly host: string;
  readonly port: number;
  readonly httpUrl: string;
  readonly files: DeviceFiles;
}

/** A way to reach a core: what it is for, what to do with it, and the text to copy, which works as it stands. */
export interface Way {
  readonly title: string;
  readonly note: string;
  readonly text: (facts: ConnectionFacts) => string;
}

const ourClient: Way = {
  title: 'aws-iot-machines',
  note: 'save it as device.mjs, run: node device.mjs',
  text: ({ thing, host, port, files: { ca, cert, key } }) => `\
import { createIotClient, mutualTls } from 'aws-iot-machines';

const client = createIotClient({
  endpoint: '${host}',
  port: ${port},
  clientId: '${thing}',
  ca: ${quoted(ca)},
  auth: mutualTls({
    cert: ${quoted(cert)},
    key: ${quoted(key)},
  }),
});
await client.connect();
await client.subscribe('plants/+', { qos: 1 }, (message) => {
  console.log(message.topic, message.text());
});
await client.publish('plants/basil', 'dry', { qos: 1 });`,
};

const mosquitto: Way = {
  title: 'mosquitto',
  note: 'one terminal waits for messages, another sends one',
  text: (facts) => `\
mosquitto_sub -t 'plants/+' -q 1 -v -i reader ${mosquittoFlags(facts)}

mosquitto_pub -t plants/basil -q 1 -m dry -i writer ${mosquittoFlags(facts)}`,
};

/** The version is named because newer ones may take MQTT 5, which the core does not speak. */
function mosquittoFlags({ host, port, files: { ca, cert, key } }: ConnectionFacts): string {
  return `\\
  -h ${host} -p ${port} -V mqttv311 \\
  --cafile ${inShell(ca)} \\
  --cert ${inShell(cert)} \\
  --key ${inShell(key)}`;
}

const shadowConsole: Way = {
  title: 'curl',
  note: 'sets, shows and deletes the shadow, as the AWS console does',
  text: ({ httpUrl, thing }) => `\
curl ${httpUrl}/things/${thing}/shadow \\
  -d '{"state":{"desired":{"light":"on"}}}'
curl ${httpUrl}/things/${thing}/shadow
curl ${httpUrl}/things/${thing}/shadow -X DELETE`,
};

const pythonSdk: Way = {
  title: 'AWS IoT Device SDK for Python',
  note: 'pip install AWSIoTPythonSDK',
  text: ({ thing, host, port, files: { ca, cert, key } }) => `\
from AWSIoTPythonSDK.MQTTLib import AWSIoTMQTTClient

client = AWSIoTMQTTClient('${thing}')
client.configureEndpoint('${host}', ${port})
client.configureCredentials(
    ${quoted(ca)},
    ${quoted(key)},
    ${quoted(cert)},
)
client.connect()
client.publish('plants/basil', 'dry', 1)
client.disconnect()`,
};

const javascriptSdk1: Way = {
  title: 'AWS IoT Device SDK for JavaScript, v1',
  note: 'npm install aws-iot-device-sdk',
  text: ({ thing, host, port, files: { ca, cert, key } }) => `\
import awsIot from 'aws-iot-device-sdk';

const device = awsIot.device({
  host: '${host}',
  port: ${port},
  clientId: '${thing}',
  caPath: ${quoted(ca)},
  certPath: ${quoted(cert)},
  keyPath: ${quoted(key)},
});
device.on('message', (topic, payload) => console.log(topic, String(payload)));
device.on('error', console.error);
device.subscribe('plants/+', { qos: 1 });
device.publish('plants/basil', 'dry', { qos: 1 });`,
};

const javascriptSdk2: Way = {
  title: 'AWS IoT Device SDK for JavaScript, v2',
  note: 'npm install aws-iot-device-sdk-v2',
  text: ({ thing, host, port, files: { ca, cert, key } }) => `\
import { iot, mqtt } from 'aws-iot-device-sdk-v2';

const config = iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder_from_path(
  ${quoted(cert)},
  ${quoted(key)},
)
  .with_certificate_authority_from_path(
    undefined,
    ${quoted(ca)},
  )
  .with_endpoint('${host}')
  .with_port(${port})
  .with_client_id('${thing}')
  .with_clean_session(true)
  .build();
const connection = new mqtt.MqttClient().new_connection(config);
await connection.connect();
await connection.publish('plants/basil', 'dry', mqtt.QoS.AtLeastOnce);
await connection.disconnect();`,
};

export const WAYS: readonly Way[] = [
  ourClient,
  mosquitto,
  shadowConsole,
  pythonSdk,
  javascriptSdk1,
  javascriptSdk2,
];

/** A string of JavaScript and of Python. */
function quoted(text: string): string {
  const inDoubleQuotes = JSON.stringify(text).slice(1, -1);
  return `'${inDoubleQuotes.replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}

/** One word of a POSIX shell. */
function inShell(text: string): string {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
