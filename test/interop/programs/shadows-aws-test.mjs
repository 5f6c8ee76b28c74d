// AWS's own integration test of its shadow client, as it comes with the package, against the local core instead of an account.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { ca, endpoint, packages, port, serve, signIn, tell } from './control.mjs';

const require = createRequire(packages);
const { AwsIotMqttConnectionConfigBuilder: Builder } = require('aws-crt').iot;

// It reads files, and knows neither a port nor a certificate authority.
Builder.new_mtls_builder_from_path = () =>
  Builder.new_mtls_builder(signIn.cert, signIn.key).with_certificate_authority(ca).with_port(port);
process.env.AWS_TEST_MQTT5_IOT_CORE_HOST = endpoint;
process.env.AWS_TEST_MQTT5_IOT_CERTIFICATE_PATH = 'in memory';
process.env.AWS_TEST_MQTT5_IOT_KEY_PATH = 'in memory';

// As much of jest as it uses.
const tests = new Map();
globalThis.jest = { setTimeout: () => {} };
globalThis.it = (name, test) => tests.set(name, test);
globalThis.test = globalThis.it;
globalThis.expect = (actual) => ({
  toBeDefined: () => assert.notEqual(actual, undefined),
  toEqual: (expected) => assert.deepEqual(actual, expected),
  toContain: (part) => assert.ok(actual.includes(part), `${actual} does not contain ${part}`),
});
require('aws-iot-device-sdk-v2/dist/iotshadow/iotshadowclientv2.spec.js');

serve({
  names: () => [...tests.keys()],
  run: async ({ name }) => {
    try {
      await tests.get(name)();
      return 'passed';
    } catch (error) {
      return String(error);
    }
  },
});
tell('connected');
