import { invalid } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';

/**
 * Where AWS IoT Core does not do what MQTT says (https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html). `false`
 * makes the local core do what MQTT says.
 */
export interface LocalIotCoreDeviations {
  /** `sensor/#` does not match `sensor`. @default true */
  readonly hashExcludesParent: boolean;
  /** A message of a session that is sent again is not marked as a duplicate (DUP). @default true */
  readonly noDuplicateFlag: boolean;
  /** Retained messages are not sent for filters with a wildcard. @default true */
  readonly noRetainedForWildcards: boolean;
  /** Nothing is retained on topics that begin with `$aws/`. @default true */
  readonly noRetainedOnReserved: boolean;
  /** To use a `$aws` topic that AWS does not have, or not for that, closes the connection. @default true */
  readonly closesOnUnknownReservedTopics: boolean;
  /** What is published or subscribed with QoS 2 is never answered. @default true */
  readonly ignoresQos2: boolean;
}

const DEFAULTS: LocalIotCoreDeviations = Object.freeze({
  hashExcludesParent: true,
  noDuplicateFlag: true,
  noRetainedForWildcards: true,
  noRetainedOnReserved: true,
  closesOnUnknownReservedTopics: true,
  ignoresQos2: true,
});

/** AWS's deviations, some of them switched off. */
export function deviationsFrom(changed: Partial<LocalIotCoreDeviations>): LocalIotCoreDeviations {
  checkFields('deviations', changed, Object.keys(DEFAULTS));
  for (const [name, value] of Object.entries(changed)) {
    if (typeof value !== 'boolean') throw invalid(`deviations.${name}`, 'true or false', value);
  }
  return { ...DEFAULTS, ...changed };
}
