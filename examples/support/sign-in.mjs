// @ts-check
// How the examples sign in: which flags say it, what is wrong with those, and what they are as options of a client.

import { mutualTls, sigV4 } from 'aws-iot-machines';
import { Option } from 'commander';

/**
 * @typedef {object} SignInFlags
 * @property {string} [endpoint]
 * @property {string} [rootCa]
 * @property {string} [cert]
 * @property {string} [key]
 * @property {boolean} [websocket]
 * @property {string} [region]
 * @property {string} [identityPool]
 * @property {number} [port]
 * @property {string} clientId
 * @property {boolean} [local]
 */

/** @typedef {import('aws-iot-machines/local').LocalIotCore} LocalIotCore */

/**
 * @typedef {object} SignIn
 * @property {readonly string[]} usage how its flags are used, for the help
 * @property {string} port the port that it uses by itself, for the help
 * @property {() => Option[]} options its flags
 * @property {(flags: SignInFlags) => string | undefined} wrongWith
 * @property {(flags: SignInFlags) => import('aws-iot-machines').Authentication} auth
 * @property {(flags: SignInFlags, core: LocalIotCore) => import('aws-iot-machines').IotClientOptions} localOptions
 */

/** The region is part of a signature, and the endpoints of AWS name it. */
export const regionOption = () =>
  new Option('--region <name>', 'the AWS region (default: the one in the name of the endpoint)');

/**
 * A certificate of the device; or, with -w, AWS credentials of this computer.
 *
 * @type {SignIn}
 */
export const certificateOrKeys = {
  usage: ['-c <cert> -k <key>', '-w'],
  port: '8883, with -w 443',
  options: () => [
    new Option('-c, --cert <path>', 'the certificate of the device, PEM'),
    new Option('-k, --key <path>', 'its private key, PEM'),
    new Option(
      '-w, --websocket',
      'MQTT over WebSocket, signed with the AWS credentials of this computer instead of a certificate',
    ),
    regionOption(),
  ],
  wrongWith: ({ cert, key, websocket, region, local }) => {
    if (websocket && (cert || key)) {
      return 'X.509 cert authentication and WebSocket are mutual exclusive. Please pick one: -w, or -c <cert> and -k <key>';
    }
    if (region && !websocket) return '--region is for -w: certificates know no region';
    if (websocket || local || (cert && key)) return undefined;
    return 'Missing credentials for authentication. Give -c <cert> and -k <key>, or -w';
  },
  auth: ({ cert = '', key = '', websocket, region }) =>
    websocket ? sigV4({ ...(region && { region }) }) : mutualTls({ cert, key }),
  localOptions: ({ websocket, clientId }, core) =>
    websocket ? core.webSocketOptions(clientId) : core.deviceOptions(clientId),
};
