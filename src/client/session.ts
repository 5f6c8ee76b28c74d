import { invalid } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import { MQTT_LIMITS } from '../protocol/limits.ts';
import { needsMqtt5, oneOf, wholeNumber } from './checks.ts';

/**
 * What the broker keeps while this client is away.
 *
 * - `clean`: nothing; it forgets this client with the line, and what an earlier line had left.
 * - `persistent`: its subscriptions, and the QoS 1 messages that come for them. For how long is the broker's business with
 *   MQTT 3.1.1 (AWS: an hour, unless the account says otherwise); with MQTT 5 it is asked for the same hour, 3,600 seconds.
 * - `{ expirySeconds }`: the same, for so long after the end of a line: 1 to 4,294,967,295, which means for ever (MQTT 5,
 *   3.1.2.11.2; AWS keeps a session for at most seven days). MQTT 5 only.
 */
export type SessionOption = 'clean' | 'persistent' | { readonly expirySeconds: number };

/** What CONNECT asks for. */
export interface ResolvedSession {
  /** Whether an earlier session is forgotten: Clean Session of MQTT 3.1.1, Clean Start of MQTT 5. */
  readonly clean: boolean;
  /** For how long the session outlives its line; 0 for a clean one. Undefined with 3.1.1, where the broker decides. */
  readonly sessionExpirySeconds: number | undefined;
}

/** As long as AWS IoT Core keeps a session of MQTT 3.1.1 (https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html). */
const PERSISTENT_SECONDS = 3_600;

/** @throws IotError `INVALID_ARGUMENT` */
export function resolveSession(session: unknown, protocolVersion: 4 | 5): ResolvedSession {
  if (typeof session === 'object' && session !== null) {
    checkFields('session', session, ['expirySeconds']);
    if (protocolVersion !== 5) throw needsMqtt5('session.expirySeconds');
    const { expirySeconds } = session as { readonly expirySeconds?: unknown };
    const seconds = wholeNumber('session.expirySeconds', expirySeconds, 1, MQTT_LIMITS.fourByteInteger);
    return { clean: false, sessionExpirySeconds: seconds };
  }
  if (protocolVersion === 5 && session !== 'clean' && session !== 'persistent')
    throw invalid('session', '"clean" or "persistent" or { expirySeconds }', session);
  const clean = oneOf('session', session, ['clean', 'persistent']) === 'clean';
  if (protocolVersion !== 5) return { clean, sessionExpirySeconds: undefined };
  return { clean, sessionExpirySeconds: clean ? 0 : PERSISTENT_SECONDS };
}
