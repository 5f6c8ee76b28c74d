// The texts to copy say what they should in every shell and language, also of a folder whose name no one takes for a word.
import { runInThisContext } from 'node:vm';
import { expect, test } from 'vitest';
import { type ConnectionFacts, WAYS } from '../../src/cli/local-ways.ts';
import { shellCalls } from './local-program.ts';

const FOLDER = `/home/it's "mine"/$HOME/\\n \`id\``;
const files = { ca: `${FOLDER}/ca.pem`, cert: `${FOLDER}/a.pem`, key: `${FOLDER}/a.key` };
const place = { host: 'localhost', port: 8883 };
const facts: ConnectionFacts = {
  ...place,
  thing: 'green:house-1',
  httpUrl: 'http://localhost:8080',
  files: { ...files, [Symbol.dispose]: () => {} },
};
const expected = { ...place, thing: 'green:house-1', ...files };

const textFor = (title: string): string => WAYS.find((way) => way.title === title)?.text(facts) ?? '';

/** Runs a text with these in place of what it imports. */
async function run(text: string, imported: Readonly<Record<string, unknown>>): Promise<void> {
  const body = text.replace(/^import .*$/gm, '');
  const program = runInThisContext(`async ({ ${Object.keys(imported).join(', ')} }) => {${body}}`) as (
    of: unknown,
  ) => Promise<void>;
  await program(imported);
}

/** Answers every call with itself, and keeps what it was called with, by the name of the method. */
function recorder(seen: Map<string, readonly unknown[]>): Record<string, unknown> {
  const all = new Proxy(
    {},
    {
      get: (_target, name) => {
        if (name === 'then') return undefined;
        return (...parameters: unknown[]) => {
          seen.set(String(name), parameters);
          return all;
        };
      },
    },
  );
  return all;
}

test('aws-iot-machines', async () => {
  const seen = new Map<string, readonly unknown[]>();
  await run(textFor('aws-iot-machines'), {
    createIotClient: (options: unknown) => {
      seen.set('options', [options]);
      return recorder(seen);
    },
    mutualTls: (paths: unknown) => paths,
  });
  const { thing, host, port, ca, cert, key } = expected;
  expect(seen.get('options')).toEqual([{ endpoint: host, port, clientId: thing, ca, auth: { cert, key } }]);
});

test.each(['mosquitto_sub', 'mosquitto_pub'])('%s', async (command) => {
  const other = command === 'mosquitto_sub' ? 'mosquitto_pub' : 'mosquitto_sub';
  const [call = []] = await shellCalls(`${other}() { :; }\n${textFor('mosquitto')}`, command);
  const { ca, cert, key } = files;
  const words = [
    '-h',
    'localhost',
    '-p',
    '8883',
    '-V',
    'mqttv311',
    '--cafile',
    ca,
    '--cert',
    cert,
    '--key',
    key,
  ];
  expect(call.slice(-words.length)).toEqual(words);
});

test('curl', async () => {
  const url = 'http://localhost:8080/things/green:house-1/shadow';
  expect(await shellCalls(textFor('curl'), 'curl')).toEqual([
    [url, '-d', '{"state":{"desired":{"light":"on"}}}'],
    [url],
    [url, '-X', 'DELETE'],
  ]);
});

test('the SDK for Python', () => {
  // Its strings, as far as there are any here, are those of JavaScript.
  const words = textFor('AWS IoT Device SDK for Python').matchAll(/'(?:[^'\\]|\\.)*'|\b\d+\b/g);
  const [thing, host, port, ca, key, cert] = [...words].map(([word]) => runInThisContext(word) as unknown);
  expect({ thing, host, port, ca, cert, key }).toEqual(expected);
});

test('the SDK for JavaScript, v1', async () => {
  const seen = new Map<string, readonly unknown[]>();
  await run(textFor('AWS IoT Device SDK for JavaScript, v1'), { awsIot: recorder(seen) });
  const { thing, host, port, ca, cert, key } = expected;
  expect(seen.get('device')).toEqual([
    { host, port, clientId: thing, caPath: ca, certPath: cert, keyPath: key },
  ]);
});

test('the SDK for JavaScript, v2', async () => {
  const seen = new Map<string, readonly unknown[]>();
  const calls = recorder(seen);
  await run(textFor('AWS IoT Device SDK for JavaScript, v2'), {
    iot: { AwsIotMqttConnectionConfigBuilder: calls },
    mqtt: {
      QoS: {},
      MqttClient: class {
        new_connection = () => calls;
      },
    },
  });
  expect(Object.fromEntries(seen)).toMatchObject({
    new_mtls_builder_from_path: [files.cert, files.key],
    with_certificate_authority_from_path: [undefined, files.ca],
    with_endpoint: ['localhost'],
    with_port: [8883],
    with_client_id: ['green:house-1'],
  });
});
