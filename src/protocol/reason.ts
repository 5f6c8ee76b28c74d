import { describe, IotError, type IotErrorCode } from './errors.ts';
import { type FailurePlace, isAws } from './failure-place.ts';

/** What a code of the broker means: our code for it, its name, and what to do about it. */
export interface Reason {
  readonly code: IotErrorCode;
  /** In the words of the specification. */
  readonly words: string;
  readonly remediation?: string | undefined;
  /** Instead of `remediation`, where AWS's own words and tools help more. */
  readonly onAws?: string;
}

/** A map from the broker's codes. */
export type Reasons = ReadonlyMap<number, Reason>;

/** A table by code, as a map: a code that it does not have finds nothing. */
export const reasons = (entries: Record<number, Reason>): Reasons =>
  new Map(Object.entries(entries).map(([code, reason]) => [Number(code), reason]));

/** The same in CONNACK and in DISCONNECT (MQTT 5, 4.11): a code that names another server. */
export const moved = (words: string): Reason => ({
  code: 'SERVER_MOVED',
  words,
  remediation: 'Set `endpoint` to the server that is to be used; the client goes nowhere by itself.',
});

/** What the broker gave beside the code. All of it is text of a stranger, and only shown cut and escaped. */
export interface BrokerText {
  /** Reason String (MQTT 5, 3.2.2.3.9 and its like in the other packets). */
  readonly reasonString?: string | undefined;
  /** Server Reference (MQTT 5, 3.2.2.3.16, 3.14.2.2.5). It is shown, and never followed. */
  readonly serverReference?: string | undefined;
}

/** The typed error for a code of the broker, with its number, its name and what the broker says about it. */
export function reasonFailure(
  what: string,
  reason: Reason,
  code: number,
  text: BrokerText = {},
  place?: FailurePlace,
): IotError {
  const { words, remediation, onAws = remediation } = reason;
  const advice = place !== undefined && isAws(place) ? onAws : remediation;
  return new IotError(reason.code, `${what}: ${words} (${hex(code)})${quoted(text)}`, {
    reasonCode: code,
    remediation: advice,
  });
}

function quoted({ reasonString, serverReference }: BrokerText): string {
  const says = reasonString === undefined ? '' : `; the broker says ${describe(reasonString)}`;
  return serverReference === undefined ? says : `${says}; it names ${describe(serverReference)}`;
}

const hex = (code: number): string => `0x${code.toString(16).padStart(2, '0')}`;
