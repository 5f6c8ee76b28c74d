/**
 * An opaque, frozen box. Machines carry their ports (transport, outbox, credentials) through input and context in one:
 * whoever prints, serialises or inspects a snapshot sees that there is a handle, and nothing of what it holds.
 */
export class Handle<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
    Object.freeze(this);
  }

  /** What the handle holds. A static method, so that no property of the handle leads to it. */
  static open<T>(handle: Handle<T>): T {
    return handle.#value;
  }

  /** `[handle]`: what JSON sees of it. */
  toJSON(): string {
    return '[handle]';
  }
}
