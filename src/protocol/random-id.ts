/**
 * 128 bits that nobody can guess, as 32 hexadecimal digits. A UUID cannot be had in every page: browsers make them for https and
 * localhost only.
 */
export function randomId(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
