import type { Duplex } from 'node:stream';
import type { Authentication, OpenStream, SignInContext } from '../../src/adapters/authentication.ts';
import { plainTcp } from '../../src/adapters/plain-tcp.ts';

/** A door that whoever comes to it while it is shut waits at. */
class Door {
  #isShut = false;
  readonly #waiting: (() => void)[] = [];
  #told: (() => void) | undefined;

  shut(): void {
    this.#isShut = true;
  }

  open(): void {
    this.#isShut = false;
    for (const go of this.#waiting.splice(0)) go();
  }

  async caught(): Promise<void> {
    if (this.#waiting.length > 0) return;
    await new Promise<void>((resolve) => {
      this.#told = resolve;
    });
  }

  async pass(signal: AbortSignal): Promise<void> {
    if (!this.#isShut) return;
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push(resolve);
      signal.addEventListener('abort', () => reject(signal.reason as Error));
      this.#told?.();
    });
  }
}

/** A sign-in over plain TCP that can be stopped before it, before it dials and before it ends, and counts its attempts. */
export class GatedSignIn implements Authentication {
  readonly kind = 'plainTcp';
  readonly signInDoor = new Door();
  readonly dialDoor = new Door();
  /** Where DISCONNECT waits, and the end of the stream with it. */
  readonly goodbyeDoor = new Door();
  /** How many attempts and lines of the client there were at the same time, at most. */
  mostAtOnce = 0;
  readonly #plain = plainTcp();
  readonly #alive = new Set<() => boolean>();

  defaultPort(): number {
    return this.#plain.defaultPort();
  }

  validate(): void {}

  async signIn(context: SignInContext): Promise<OpenStream> {
    let isOver = (): boolean => context.signal.aborted;
    this.#begun(() => isOver());
    await this.signInDoor.pass(context.signal);
    const open = await this.#plain.signIn(context);
    return async (signal) => {
      await this.dialDoor.pass(signal);
      const opened = await open(signal);
      isOver = () => opened.stream.destroyed;
      this.#holdGoodbye(opened.stream);
      return opened;
    };
  }

  #holdGoodbye(stream: Duplex): void {
    const end = stream.end.bind(stream) as (bytes?: unknown) => Duplex;
    const held = (bytes?: unknown): Duplex => {
      const gone = new AbortController();
      stream.once('close', () => gone.abort());
      this.goodbyeDoor.pass(gone.signal).then(
        () => end(bytes),
        () => undefined,
      );
      return stream;
    };
    Object.assign(stream, { end: held });
  }

  #begun(isOver: () => boolean): void {
    for (const before of this.#alive) if (before()) this.#alive.delete(before);
    this.#alive.add(isOver);
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#alive.size);
  }
}
