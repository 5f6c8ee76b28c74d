interface Settlers<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * A promise that is only made when somebody asks for it, and that nobody has to await: a rejection that nobody looks at
 * stays silent. The first end counts.
 */
export class Outcome<T> {
  #end: { readonly value: T } | { readonly reason: unknown } | undefined;
  #promise: Promise<T> | undefined;
  #settlers: Settlers<T> | undefined;

  resolve(value: T): void {
    if (this.#end !== undefined) return;
    this.#end = { value };
    this.#settlers?.resolve(value);
  }

  reject(reason: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { reason };
    this.#settlers?.reject(reason);
  }

  get promise(): Promise<T> {
    this.#promise ??= this.#make();
    return this.#promise;
  }

  #make(): Promise<T> {
    const promise = new Promise<T>((resolve, reject) => {
      if (this.#end === undefined) this.#settlers = { resolve, reject };
      else if ('value' in this.#end) resolve(this.#end.value);
      else reject(this.#end.reason);
    });
    promise.catch(() => undefined);
    return promise;
  }
}
