import { invalid } from './errors.ts';
import { AWS_LIMITS } from './limits.ts';

/** What can be asked of a shadow. */
export const SHADOW_OPERATIONS = ['get', 'update', 'delete'] as const;
/** What can be asked of a shadow. */
export type ShadowOperationKind = (typeof SHADOW_OPERATIONS)[number];

/** Which shadow: the classic one of a thing, or one that has a name. */
export interface ShadowAddress {
  readonly thingName: string;
  /** Undefined for the classic shadow. */
  readonly shadowName: string | undefined;
}

/** What AWS publishes below the prefix of a shadow. */
export const SHADOW_MESSAGES = [
  'get/accepted',
  'get/rejected',
  'update/accepted',
  'update/rejected',
  'update/delta',
  'update/documents',
  'delete/accepted',
  'delete/rejected',
] as const;
export type ShadowMessageKind = (typeof SHADOW_MESSAGES)[number];

const { thingNameCharacters, shadowNameCharacters } = AWS_LIMITS.shadow;
const THING_NAME = new RegExp(`^[a-zA-Z0-9:_-]{1,${thingNameCharacters}}$`);
const SHADOW_NAME = new RegExp(`^[$a-zA-Z0-9:_-]{1,${shadowNameCharacters}}$`);
const THINGS = '$aws/things/';

/**
 * Checks both names of a shadow, so that they can stand in a topic and mean nothing else there.
 * Source: https://docs.aws.amazon.com/iot/latest/apireference/API_CreateThing.html and
 * https://docs.aws.amazon.com/iot/latest/apireference/API_iotdata_GetThingShadow.html
 *
 * @throws IotError `INVALID_ARGUMENT`
 */
export function validateShadowAddress(thingName: unknown, shadowName: unknown): ShadowAddress {
  if (typeof thingName !== 'string' || !THING_NAME.test(thingName)) {
    throw invalid('thingName', `1 to ${thingNameCharacters} of a-z, A-Z, 0-9, :, _ and -`, thingName);
  }
  if (shadowName === undefined) return { thingName, shadowName };
  if (typeof shadowName !== 'string' || !SHADOW_NAME.test(shadowName)) {
    throw invalid('name', `1 to ${shadowNameCharacters} of a-z, A-Z, 0-9, :, _, - and $`, shadowName);
  }
  return { thingName, shadowName };
}

/**
 * What all topics of a shadow begin with.
 * Source: https://docs.aws.amazon.com/iot/latest/developerguide/reserved-topics.html#reserved-topics-shadow
 */
export function shadowPrefix({ thingName, shadowName }: ShadowAddress): string {
  const classic = `${THINGS}${thingName}/shadow`;
  return shadowName === undefined ? classic : `${classic}/name/${shadowName}`;
}

/** The address of a shadow as people and statecharts read it: `<thing>` or `<thing>/<name>`. */
export function shadowTitle({ thingName, shadowName }: ShadowAddress): string {
  return shadowName === undefined ? thingName : `${thingName}/${shadowName}`;
}

/** Takes a topic of a shadow apart; undefined when it is none. `rest` is what follows the prefix: `update/accepted`, `get`. */
export function parseShadowTopic(topic: string): { address: ShadowAddress; rest: string } | undefined {
  if (!topic.startsWith(THINGS)) return undefined;
  const [thingName = '', shadow, ...levels] = topic.slice(THINGS.length).split('/');
  if (shadow !== 'shadow' || !THING_NAME.test(thingName)) return undefined;
  if (levels[0] !== 'name') return { address: { thingName, shadowName: undefined }, rest: levels.join('/') };
  const [, shadowName = '', ...rest] = levels;
  if (!SHADOW_NAME.test(shadowName)) return undefined;
  return { address: { thingName, shadowName }, rest: rest.join('/') };
}
