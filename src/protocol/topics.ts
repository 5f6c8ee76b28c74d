import { invalid } from './errors.ts';
import { AWS_LIMITS, MQTT_LIMITS } from './limits.ts';
import { isWellFormed, utf8Bytes } from './utf8.ts';

const SHARE = '$share/';
const RESERVED = '$aws/';
const BASIC_INGEST = '$aws/rules/';

/**
 * Checks the topic of a publish or a will: 1 to 65,535 bytes of UTF-8 without NUL (MQTT 4.7.3, 1.5.4) and without
 * wildcards (MQTT-4.7.1-1). Whether AWS IoT Core takes it is the business of {@link validateAwsTopic}.
 *
 * @param field How the error calls it.
 * @throws IotError `INVALID_ARGUMENT`
 */
export function validateTopicName(topic: unknown, field = 'topic'): asserts topic is string {
  validateText(topic, field);
  if (hasWildcard(topic)) throw invalid(field, 'a topic without the wildcards + and #', topic);
}

/**
 * Checks a topic filter of a subscription: 1 to 65,535 bytes of UTF-8 without NUL (MQTT 4.7.3, 1.5.4), `+` alone in its
 * level (MQTT-4.7.1-3), `#` alone in the last level (MQTT-4.7.1-2), and shared filters as
 * `$share/<group>/<filter>` (MQTT 5, 4.8.2).
 *
 * @param field How the error calls it.
 * @throws IotError `INVALID_ARGUMENT`
 */
export function validateTopicFilter(filter: unknown, field = 'filter'): asserts filter is string {
  validateText(filter, field);
  if (filter.startsWith(SHARE)) validateShare(filter, field);
  validateWildcards(filter, field);
}

/**
 * Checks what only AWS IoT Core limits: 256 bytes and 7 slashes, not counting the prefixes `$aws/rules/<rule>/` (Basic
 * Ingest) and `$share/<group>/`. Slashes are not counted in the topics that AWS itself defines below `$aws/`: those of
 * commands have 8 (`$aws/commands/things/<thing>/executions/<id>/response/accepted/json`).
 * Source: https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits
 *
 * @param topic A topic or filter that is valid MQTT.
 * @param field How the error calls it.
 * @throws IotError `INVALID_ARGUMENT`
 */
export function validateAwsTopic(topic: string, field = 'topic'): void {
  const { topicBytes, topicSlashes } = AWS_LIMITS;
  const excess = excessOf(topic, AWS_LIMITS);
  if (excess === 'bytes') throw invalid(field, `at most ${topicBytes} bytes long for AWS IoT Core`, topic);
  if (excess === 'slashes') {
    throw invalid(
      field,
      `at most ${topicSlashes + 1} levels (${topicSlashes} slashes) deep for AWS IoT Core`,
      topic,
    );
  }
}

/** How large a topic or filter may be, as {@link AWS_LIMITS} counts. */
export interface TopicLimits {
  readonly topicBytes: number;
  readonly topicSlashes: number;
}

/** Of what a topic or filter has more than AWS IoT Core takes, counted as {@link validateAwsTopic} says. */
export function excessOf(
  topic: string,
  { topicBytes, topicSlashes }: TopicLimits,
): 'bytes' | 'slashes' | undefined {
  const counted = withoutFreePrefix(topic);
  // A character of UTF-16 has at most three bytes of UTF-8: short topics need no counting.
  if (utf8Bytes(counted) > topicBytes) return 'bytes';
  if (countSlashes(counted) > topicSlashes && !counted.startsWith(RESERVED)) return 'slashes';
  return undefined;
}

/** The two parts of a shared filter `$share/<group>/<filter>`, or `undefined` for a filter that is not shared. */
export function parseSharedFilter(filter: string): { group: string; filter: string } | undefined {
  if (!filter.startsWith(SHARE)) return undefined;
  const slash = filter.indexOf('/', SHARE.length);
  if (slash <= SHARE.length || slash === filter.length - 1) return undefined;
  return { group: filter.slice(SHARE.length, slash), filter: filter.slice(slash + 1) };
}

/**
 * Whether a topic is one of those that a filter means (MQTT 4.7): `+` is any one level, `#` is any rest and also the
 * level above it, neither stands for a first level that begins with `$` (MQTT-4.7.2-1), and a shared filter matches
 * what its inner filter matches. Both must be valid. For many filters use a `TopicTrie`.
 */
export function matches(filter: string, topic: string): boolean {
  const wanted = (parseSharedFilter(filter)?.filter ?? filter).split('/');
  const given = topic.split('/');
  if (topic.startsWith('$') && (wanted[0] === '+' || wanted[0] === '#')) return false;
  for (const [i, level] of wanted.entries()) {
    if (level === '#') return true;
    if (i === given.length || (level !== '+' && level !== given[i])) return false;
  }
  return wanted.length === given.length;
}

/** What holds for names and filters alike (MQTT-4.7.3-1 to -3, MQTT-1.5.4-1, -2). */
function validateText(text: unknown, field: string): asserts text is string {
  if (typeof text !== 'string' || text === '') throw invalid(field, 'a string that is not empty', text);
  const { stringBytes } = MQTT_LIMITS;
  if (text.length > stringBytes || utf8Bytes(text) > stringBytes) {
    throw invalid(field, `at most ${stringBytes} bytes of UTF-8`, text);
  }
  if (text.includes('\0')) throw invalid(field, 'a string without the NUL character', text);
  if (!isWellFormed(text)) throw invalid(field, 'a string without lone surrogates', text);
}

/** The group has at least one character and no wildcard (MQTT-4.8.2-1, -2), and a filter follows. */
function validateShare(filter: string, field: string): void {
  const group = parseSharedFilter(filter)?.group;
  if (group === undefined) throw invalid(field, 'a shared filter $share/<group>/<filter>', filter);
  if (hasWildcard(group)) throw invalid(field, 'a shared filter whose group has no wildcard', filter);
}

/** Each wildcard is a level of its own (MQTT-4.7.1-3), and `#` is the last one (MQTT-4.7.1-2). */
function validateWildcards(filter: string, field: string): void {
  const levels = filter.split('/');
  for (const [i, level] of levels.entries()) {
    if (level.includes('#') && (level !== '#' || i < levels.length - 1)) {
      throw invalid(field, 'a filter with # only as its whole last level', filter);
    }
    if (level.includes('+') && level !== '+') {
      throw invalid(field, 'a filter with + only as a whole level', filter);
    }
  }
}

function hasWildcard(text: string): boolean {
  return text.includes('+') || text.includes('#');
}

/** A topic without `$share/<group>/` and `$aws/rules/<rule>/`, which no limit of AWS counts. */
function withoutFreePrefix(topic: string): string {
  const inner = parseSharedFilter(topic)?.filter ?? topic;
  if (!inner.startsWith(BASIC_INGEST)) return inner;
  // Without another slash it is -1, and the whole counts.
  return inner.slice(inner.indexOf('/', BASIC_INGEST.length) + 1);
}

function countSlashes(text: string): number {
  let slashes = 0;
  for (let i = text.indexOf('/'); i !== -1; i = text.indexOf('/', i + 1)) slashes += 1;
  return slashes;
}
