// @ts-check
// Publishes and subscribes as basic-pub-sub does, with the temporary keys of an Amazon Cognito identity pool that lets guests
// in: what basicPubSub_CognitoSTS.py of the AWS IoT Device SDK for Python does, with the same flags. The keys last an hour; the
// client gets new ones before that, and takes a new line.

import { cognitoIdentity, sigV4 } from 'aws-iot-machines';
import { Option } from 'commander';
import { publishAndSubscribe } from '../basic-pub-sub/pub-sub.mjs';
import { deviceCommand, runDevice, wholeNumber } from '../support/device.mjs';
import { regionOption } from '../support/sign-in.mjs';

/** @typedef {import('../support/device.mjs').DeviceFlags & { count?: number }} Flags */

/** @type {import('../support/device.mjs').SignIn} */
const cognito = {
  usage: ['-C <identityPoolId>'],
  port: '443',
  options: () => [
    new Option('-C, --identity-pool <id>', 'the id of the identity pool: <region>:…'),
    regionOption(),
  ],
  wrongWith: ({ identityPool, local }) =>
    identityPool || local ? undefined : 'Missing credentials for authentication. Give -C <identityPoolId>',
  auth: ({ identityPool = '', region }) =>
    sigV4({
      credentials: cognitoIdentity({ identityPoolId: identityPool }),
      ...(region && { region }),
    }),
  localOptions: ({ clientId }, core) => ({
    ...core.webSocketOptions(clientId),
    auth: sigV4({ credentials: cognitoIdentity(core.cognito), region: core.region }),
  }),
};

const command = deviceCommand('basic-pub-sub-cognito', 'basicPubSub_CognitoSTS', { signIn: cognito })
  .description('Publish and subscribe with the keys of an Amazon Cognito identity pool.')
  .option('--count <number>', 'end after so many messages (default: never)', wholeNumber(1, 1_000_000));

await runDevice(
  command,
  async ({ client, flags, signal }) => {
    const { topic, count } = /** @type {Flags} */ (flags);
    const message = 'Hello from Cognito!';
    await publishAndSubscribe(client, { topic, message, ...(count && { count }) }, signal);
  },
  cognito,
);
