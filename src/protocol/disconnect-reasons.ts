import type { IotError } from './errors.ts';
import { at, type FailurePlace } from './failure-place.ts';
import { moved, type Reason, reasonFailure, reasons } from './reason.ts';

/** Nothing but a lost line: what the code says, and what would keep the next one from ending so. */
const lost = (words: string, remediation?: string): Reason => ({
  code: 'CONNECTION_LOST',
  words,
  remediation,
});

/** The broker says that we broke the protocol. */
const broken = (words: string): Reason => ({ code: 'PROTOCOL_ERROR', words });

const quota = (words: string, remediation: string): Reason => ({
  code: 'QUOTA_EXCEEDED',
  words,
  remediation,
  onAws: 'Compare what this client and this account use with the quotas of AWS IoT Core in Service Quotas.',
});

/** What a code in a DISCONNECT from the server means. Source: MQTT 5, sections 3.14.2.1 and 2.4; 3.1.1 knows none. */
export const DISCONNECT_REASONS = reasons({
  0: lost('normal disconnection'),
  128: lost('unspecified error'),
  129: broken('malformed packet'),
  130: broken('protocol error'),
  131: lost('implementation specific error'),
  135: {
    code: 'NOT_AUTHORIZED',
    words: 'not authorized',
    remediation:
      'Check that the broker allows this client what it does: to be connected, and what it publishes and subscribes to.',
    onAws:
      'Check that the policy of its certificate, role or authorizer allows iot:Connect, and iot:Publish, iot:Subscribe and iot:Receive for what this client uses.',
  },
  137: { code: 'SERVER_UNAVAILABLE', words: 'server busy' },
  139: { code: 'SERVER_UNAVAILABLE', words: 'server shutting down' },
  140: lost('bad authentication method'),
  141: lost('keep alive timeout'),
  142: {
    code: 'DUPLICATE_CLIENT_ID',
    words: 'session taken over by another connection with this client id',
    remediation: 'Give each client a `clientId` of its own.',
  },
  143: lost('topic filter invalid', 'Check the filters that this client subscribes to.'),
  144: lost('topic name invalid', 'Check the topics that this client publishes to.'),
  147: broken('receive maximum exceeded'),
  148: broken('topic alias invalid'),
  149: lost('packet too large', 'Publish smaller messages.'),
  150: quota('message rate too high', 'Publish less often, or have the limit raised at the broker.'),
  151: quota('quota exceeded', 'Use less, or have the quota of this client raised at the broker.'),
  152: lost('administrative action'),
  153: lost('payload format invalid', 'Publish payloads that are what their payload format says.'),
  154: lost('retain not supported', 'Publish without `retain`.'),
  155: lost('QoS not supported', 'Publish and subscribe with QoS 0.'),
  156: moved('use another server'),
  157: moved('server moved'),
  158: lost('shared subscriptions not supported', 'Subscribe without `$share/`.'),
  159: { code: 'SERVER_UNAVAILABLE', words: 'connection rate exceeded' },
  160: lost('maximum connect time'),
  161: lost('subscription identifiers not supported'),
  162: lost('wildcard subscriptions not supported', 'Subscribe to filters without + and #.'),
});

const UNKNOWN = lost('no reason that has a name');

/** The broker said goodbye (MQTT 5 only). */
export function disconnectFailure(
  code: number,
  place: FailurePlace,
  reasonString?: string,
  serverReference?: string,
): IotError {
  const reason = DISCONNECT_REASONS.get(code) ?? UNKNOWN;
  const text = { reasonString, serverReference };
  return reasonFailure(`${at(place)} ended the connection`, reason, code, text, place);
}
