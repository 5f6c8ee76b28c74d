import { invalid } from '../protocol/errors.ts';
import { AWS_LIMITS, MQTT_LIMITS } from '../protocol/limits.ts';
import { randomId } from '../protocol/random-id.ts';
import { isWellFormed, utf8Bytes } from '../protocol/utf8.ts';

/**
 * The client id of CONNECT (MQTT-3.1.3-4; AWS: at most 128 bytes, and ids that begin with $ are its own). Without one MQTT
 * 3.1.1 gets a random one here, and with MQTT 5 the broker assigns one (3.1.3.1): then it is empty. A session that is to
 * be found again needs one of its own (MQTT-3.1.3-8).
 *
 * @throws IotError `INVALID_ARGUMENT`
 */
export function resolveClientId(
  given: unknown,
  { isAws, clean, protocolVersion }: { isAws: boolean; clean: boolean; protocolVersion: 4 | 5 },
): string {
  if (clean && (given === undefined || given === '')) return protocolVersion === 5 ? '' : randomId();
  const most = isAws ? AWS_LIMITS.clientIdBytes : MQTT_LIMITS.stringBytes;
  const prefix = isAws ? ' that does not begin with $' : '';
  const mayBe = `text of 1 to ${most} bytes${prefix}${clean ? ', or left out' : ' for a persistent session'}`;
  if (typeof given !== 'string' || given === '' || given.includes('\0') || !isWellFormed(given))
    throw invalid('clientId', mayBe, given);
  if (utf8Bytes(given) > most || (isAws && given.startsWith('$'))) throw invalid('clientId', mayBe, given);
  return given;
}
