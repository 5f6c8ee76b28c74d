import { describe, IotError, invalid } from '../protocol/errors.ts';
import { AWS_LIMITS } from '../protocol/limits.ts';
import type { OutgoingMessage } from '../protocol/message.ts';
import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  levelsOf,
  mergeSections,
  type SectionsChange,
  SHADOW_SECTIONS,
  sectionsBytes,
} from '../protocol/shadow-state.ts';
import { type ShadowAddress, type ShadowOperationKind, shadowPrefix } from '../protocol/shadow-topics.ts';
import { utf8Bytes } from '../protocol/utf8.ts';
import { wholeNumber } from './checks.ts';

const { clientTokenBytes, documentBytes, documentLevels } = AWS_LIMITS.shadow;

/** What goes on the wire: QoS 0, never retained, as the AWS IoT Device SDK for Python has it. */
export function requestMessage(
  address: ShadowAddress,
  kind: ShadowOperationKind,
  body: {
    readonly clientToken: string;
    readonly version?: number | undefined;
    readonly state?: SectionsChange;
  },
): OutgoingMessage {
  const topic = `${shadowPrefix(address)}/${kind}`;
  return { topic, payload: JSON.stringify(body), qos: 0, retain: false };
}

/** @throws IotError `INVALID_ARGUMENT` */
export function checkToken(token: unknown): asserts token is string {
  const bytes = typeof token === 'string' ? utf8Bytes(token) : 0;
  if (bytes >= 1 && bytes <= clientTokenBytes) return;
  throw invalid('clientToken', `a string of 1 to ${clientTokenBytes} bytes`, token);
}

export function checkVersion(version: unknown): void {
  if (version !== undefined) wholeNumber('version', version, 0, Number.MAX_SAFE_INTEGER);
}

/**
 * What an update says, copied as JSON has it, so that the caller may change his object afterwards.
 *
 * @throws IotError `INVALID_ARGUMENT` when AWS would refuse it, or JSON would say something else than was meant
 */
export function checkedChange(change: unknown): SectionsChange {
  if (change === null) return null;
  const sections = isJsonObject(change) && isPlain(change) ? jsonOf(change) : undefined;
  if (!isJsonObject(sections))
    throw invalid('update', 'an object with desired and reported, or null', change);
  for (const [name, section] of Object.entries(sections)) {
    if (!SHADOW_SECTIONS.includes(name as 'desired')) {
      throw new IotError(
        'INVALID_ARGUMENT',
        `an update has no section ${describe(name)}; it may have desired and reported`,
      );
    }
    if (section !== null && !isJsonObject(section)) throw invalid(name, 'an object or null', section);
    checkSection(name, section);
  }
  checkSize(sections);
  return sections;
}

function checkSection(name: string, section: JsonObject | null): void {
  if (levelsOf(section) > documentLevels) {
    throw invalid(name, `at most ${documentLevels} levels deep`, section);
  }
  if (hasNullInArray(section)) throw invalid(name, 'without null in an array', section);
}

/** What is to be removed makes nothing larger: only what it leaves alone in an empty document counts. */
function checkSize(sections: JsonObject): void {
  const bytes = sectionsBytes(mergeSections({}, sections).sections);
  if (bytes > documentBytes) {
    throw new IotError(
      'INVALID_ARGUMENT',
      `desired and reported may have ${documentBytes} bytes of JSON together; given: ${bytes}`,
    );
  }
}

function hasNullInArray(value: JsonValue): boolean {
  if (Array.isArray(value)) return value.some((one) => one === null || hasNullInArray(one as JsonValue));
  return isJsonObject(value) && Object.values(value).some(hasNullInArray);
}

/** As JSON writes it; but what it would silently write as `null`, which removes, or as `{}`, is refused. */
function jsonOf(value: object): unknown {
  try {
    return JSON.parse(JSON.stringify(value, refuseLosses));
  } catch (cause) {
    if (IotError.is(cause)) throw cause;
    throw new IotError('INVALID_ARGUMENT', 'update must be an object that JSON can write', { cause });
  }
}

function refuseLosses(this: unknown, key: string, value: unknown): unknown {
  const isLost =
    (typeof value === 'number' && !Number.isFinite(value)) ||
    (value === undefined && Array.isArray(this)) ||
    typeof value === 'function' ||
    typeof value === 'symbol' ||
    typeof value === 'bigint' ||
    (typeof value === 'object' && value !== null && !isPlain(value));
  if (isLost) throw invalid(`update: the value of ${describe(key)}`, 'what JSON can write', value);
  return value;
}

function isPlain(value: object): boolean {
  return Array.isArray(value) || Object.prototype.toString.call(value) === '[object Object]';
}
