import type { IotError } from './errors.ts';
import { at, type FailurePlace } from './failure-place.ts';
import { moved, type Reason, reasonFailure, reasons } from './reason.ts';

const OTHER_VERSION = 'Set `protocolVersion` to one that the broker supports.';

const wrongClientId = (words: string): Reason => ({
  code: 'INVALID_CLIENT_ID',
  words,
  remediation: 'Set `clientId` to one that the broker accepts.',
  onAws: 'Set `clientId` to at most 128 bytes that do not begin with `$`.',
});

const BAD_CREDENTIALS: Reason = {
  code: 'BAD_CREDENTIALS',
  words: 'bad user name or password',
  remediation: 'Check the credentials that `auth` gives.',
};

const NOT_AUTHORIZED: Reason = {
  code: 'NOT_AUTHORIZED',
  words: 'not authorized',
  remediation:
    'Check the user name and the password that `auth` gives, and that the broker allows this client to connect with this client id.',
  onAws:
    'Check that the policy of its certificate, role or authorizer allows iot:Connect for this client id.',
};

const malformed = (words: string): Reason => ({
  code: 'PROTOCOL_ERROR',
  words: `the broker takes CONNECT for a ${words}`,
});

const will = (words: string, remediation: string): Reason => ({ code: 'INVALID_WILL', words, remediation });

/**
 * What a code in CONNACK means. Sources: MQTT 3.1.1, section 3.2.2.3 (1 to 5); AWS IoT Core's page about MQTT as it was
 * in 2022 (7, which 3.1.1 reserves, for 5); MQTT 5, section 3.2.2.2 (from 128 on).
 */
export const CONNACK_REASONS = reasons({
  1: {
    code: 'UNSUPPORTED_PROTOCOL_VERSION',
    words: 'unacceptable protocol version',
    remediation: OTHER_VERSION,
  },
  2: wrongClientId('client identifier rejected'),
  3: { code: 'SERVER_UNAVAILABLE', words: 'server unavailable' },
  4: BAD_CREDENTIALS,
  5: NOT_AUTHORIZED,
  7: NOT_AUTHORIZED,
  128: { code: 'CONNECTION_REFUSED', words: 'unspecified error' },
  129: malformed('malformed packet'),
  130: malformed('protocol error'),
  131: { code: 'CONNECTION_REFUSED', words: 'implementation specific error' },
  132: {
    code: 'UNSUPPORTED_PROTOCOL_VERSION',
    words: 'unsupported protocol version',
    remediation: OTHER_VERSION,
  },
  133: wrongClientId('client identifier not valid'),
  134: BAD_CREDENTIALS,
  135: NOT_AUTHORIZED,
  136: { code: 'SERVER_UNAVAILABLE', words: 'server unavailable' },
  137: { code: 'SERVER_UNAVAILABLE', words: 'server busy' },
  138: {
    code: 'NOT_AUTHORIZED',
    words: 'banned',
    remediation: 'Have the ban of this client lifted at the broker.',
  },
  140: { code: 'CONNECTION_REFUSED', words: 'bad authentication method' },
  // Of all that CONNECT carries, the following can only mean the will.
  144: will('topic name invalid', 'Set the topic of `will` to one that the broker accepts.'),
  149: will('packet too large', 'Make the payload of `will` smaller.'),
  151: {
    code: 'QUOTA_EXCEEDED',
    words: 'quota exceeded',
    remediation: 'Have the quota of this client raised at the broker.',
    onAws: 'Compare what this account uses with its quotas for AWS IoT Core in Service Quotas.',
  },
  153: will('payload format invalid', 'Give `will` a payload that is what its payload format says.'),
  154: will('retain not supported', 'Set `retain` of `will` to false.'),
  155: will('QoS not supported', 'Set `qos` of `will` to 0.'),
  156: moved('use another server'),
  157: moved('server moved'),
  159: { code: 'SERVER_UNAVAILABLE', words: 'connection rate exceeded' },
});

/** A code that the table does not have refuses all the same. */
const UNKNOWN: Reason = { code: 'CONNECTION_REFUSED', words: 'no reason that has a name' };

/** The broker refused the session. */
export function connackFailure(
  code: number,
  place: FailurePlace,
  reasonString?: string,
  serverReference?: string,
): IotError {
  const reason = CONNACK_REASONS.get(code) ?? UNKNOWN;
  const text = { reasonString, serverReference };
  return reasonFailure(`${at(place)} refused the connection`, reason, code, text, place);
}
