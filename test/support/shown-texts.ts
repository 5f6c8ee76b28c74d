/**
 * Collects every text that values hold, and their bytes as text, however deep. What was looked at is not looked at again,
 * because what machines and errors show does not change.
 */
export class ShownTexts {
  readonly #texts = new Set<string>();
  readonly #seen = new Set<object>();

  add(value: unknown): void {
    const waiting = [value];
    while (waiting.length > 0) {
      const next = waiting.pop();
      if (typeof next === 'string') this.#texts.add(next);
      else if (typeof next === 'object' && next !== null) this.#open(next, waiting);
    }
  }

  /** All of it, one after the other. */
  toString(): string {
    return [...this.#texts].join('\n');
  }

  #open(value: object, waiting: unknown[]): void {
    if (this.#seen.has(value)) return;
    this.#seen.add(value);
    if (ArrayBuffer.isView(value)) {
      this.#texts.add(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1'));
      return;
    }
    // An actor or a definition that is named: they show themselves, and lead to everything.
    if ('getSnapshot' in value || 'machine' in value) return;
    // Not enumerable, like `stack`: that costs more than all the rest, and is this message with places in the code.
    if (value instanceof Error) waiting.push(value.name, value.message, value.cause);
    if (value instanceof Map) waiting.push(...value.keys(), ...value.values());
    if (value instanceof Set) waiting.push(...value);
    for (const key of Object.keys(value)) waiting.push(key, (value as Record<string, unknown>)[key]);
  }
}
