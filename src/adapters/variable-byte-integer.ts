/** How many bytes a length takes on the wire (1.5.5): seven bits in each. */
export function lengthBytes(length: number): number {
  if (length < 128) return 1;
  if (length < 16_384) return 2;
  return length < 2_097_152 ? 3 : 4;
}

/** Writes a length at `start`, and returns where it ends. */
export function writeLength(packet: Buffer, start: number, length: number): number {
  let at = start;
  let rest = length;
  for (; rest > 0x7f; rest >>>= 7) packet[at++] = (rest & 0x7f) | 0x80;
  packet[at++] = rest;
  return at;
}
