// @ts-check
import { mutualTls, plainTcp } from 'aws-iot-machines';

export const HOST = '127.0.0.1';

/** Each message has a topic of its own, with its id: brokers log topics, not payloads. */
export const TOPIC = 'numbers/';

/**
 * What a client needs to get to a broker. It can be told to another process.
 *
 * @typedef {object} Line
 * @property {string} clientId
 * @property {number} port
 * @property {4 | 5} protocolVersion
 * @property {{ ca: string, cert: string, key: string }} [tls] PEM
 */

/**
 * The options of a client that is to notice within a second or two that a line is dead, and to try again at once: so many
 * faults fit into a minute.
 *
 * @param {Line} line
 * @returns {import('aws-iot-machines').IotClientOptions}
 */
export function optionsOn({ tls, ...line }) {
  const common = {
    ...line,
    endpoint: HOST,
    keepAliveSeconds: 1,
    pingTimeoutMs: 300,
    operationTimeoutMs: 300,
    attemptTimeoutMs: 1_000,
    reconnect: { baseMs: 50, maxMs: 500, stableMs: 1_000 },
  };
  if (tls === undefined) return { ...common, auth: plainTcp() };
  const { ca, cert, key } = tls;
  return { ...common, ca, auth: mutualTls({ cert, key }) };
}
