import type { IotError } from '../protocol/errors.ts';
import { type FailurePlace, packetTooLarge, protocolFailure } from '../protocol/failures.ts';

/** Something that the broker sent and that MQTT forbids, or that is beyond our own bound: the line cannot go on. */
export interface Breach {
  readonly error: (place: FailurePlace) => IotError;
  /** What the DISCONNECT of MQTT 5 tells the broker (3.14.2.1). */
  readonly reasonCode: number;
}

const breach =
  (reasonCode: number) =>
  (what: string, cause?: unknown): Breach => ({
    reasonCode,
    error: (place) => protocolFailure(what, place, cause),
  });

/** Bytes that are no packet. */
export const malformed = breach(0x81);

/** A packet that must not come, or not now, or not with this in it. */
export const protocolError = breach(0x82);

/** A topic alias that was not set, or lies beyond what CONNECT allowed (MQTT-3.3.2-8, MQTT-3.3.2-9). */
export const aliasInvalid = breach(0x94);

/** A packet of more bytes than this side takes (MQTT 5 [MQTT-3.1.2-24]). */
export function oversized(bytes: number, mostBytes: number): Breach {
  return { reasonCode: 0x95, error: (place) => packetTooLarge(bytes, mostBytes, place) };
}

/** The DISCONNECT that tells the broker why. MQTT 5 only. */
export function disconnectPacket({ reasonCode }: Breach): Uint8Array {
  return Uint8Array.of(0xe0, 1, reasonCode);
}
