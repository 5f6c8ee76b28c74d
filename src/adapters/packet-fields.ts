import { writeText } from './bytes.ts';

/** How many bytes a length takes on the wire (1.5.5): seven bits in each. */
export function lengthBytes(length: number): number {
  if (length < 128) return 1;
  if (length < 16_384) return 2;
  return length < 2_097_152 ? 3 : 4;
}

/** Writes a length at `start`, and returns where it ends. */
export function writeLength(packet: Uint8Array, start: number, length: number): number {
  let at = start;
  let rest = length;
  for (; rest > 0x7f; rest >>>= 7) packet[at++] = (rest & 0x7f) | 0x80;
  packet[at++] = rest;
  return at;
}

/** Writes a two byte integer (1.5.2), and returns where it ends. */
export function writeTwoBytes(packet: Uint8Array, start: number, value: number): number {
  packet[start] = value >> 8;
  packet[start + 1] = value;
  return start + 2;
}

/** Writes a string with two bytes of length in front (1.5.4), and returns where it ends. */
export function writeTextField(packet: Uint8Array, start: number, text: string): number {
  const end = writeText(packet, start + 2, text);
  writeTwoBytes(packet, start, end - start - 2);
  return end;
}
