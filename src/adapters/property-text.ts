/** A text in a packet's properties. mqtt-packet gives an array for what came twice, and null for what is cut off. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
