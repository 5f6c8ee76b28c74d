import { type EventObject, fromCallback, type NonReducibleUnknown } from 'xstate';
import { IotError } from '../protocol/errors.ts';

/** What a guarded actor may use while it lives. */
export interface ActorScope<TInput, TReceived extends EventObject, TSent extends EventObject> {
  readonly input: TInput;
  readonly send: (fact: TSent) => void;
  readonly receive: (listener: (command: TReceived) => void) => void;
  /** Frees what the body takes, however the actor ends. Say it before whatever may throw. */
  readonly onEnd: (cleanUp: () => void) => void;
}

/**
 * A callback actor that cannot leave anything behind. XState runs the clean-up of a callback actor on every exit and on
 * `actor.stop()`, but not when the actor itself throws; so body, receiver and clean-up are caught here, what the body
 * took is freed, and the error reaches the parent as the fact that `failed` makes of it.
 */
export function guardedActor<
  TReceived extends EventObject,
  TInput extends NonReducibleUnknown,
  TSent extends EventObject,
>(body: (scope: ActorScope<TInput, TReceived, TSent>) => void, failed: (error: IotError) => TSent) {
  return fromCallback<TReceived, TInput>(({ input, sendBack, receive }) => {
    let cleanUp: (() => void) | undefined;
    const fail = (thrown: unknown): void => sendBack(failed(asIotError(thrown)));
    const free = (): void => {
      const freeing = cleanUp;
      cleanUp = undefined;
      attempt(() => freeing?.(), fail);
    };
    const failAndFree = (thrown: unknown): void => {
      free();
      fail(thrown);
    };
    const scope: ActorScope<TInput, TReceived, TSent> = {
      input,
      send: sendBack,
      receive: (listener) => receive((command) => attempt(() => listener(command), failAndFree)),
      onEnd: (given) => {
        cleanUp = given;
      },
    };
    attempt(() => body(scope), failAndFree);
    return free;
  });
}

/** The error itself when it is one of ours; otherwise an INTERNAL error that carries it as its cause. */
export function asIotError(thrown: unknown): IotError {
  if (IotError.is(thrown)) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new IotError('INTERNAL', `an actor threw: ${message}`, { cause: thrown });
}

function attempt(step: () => void, failed: (thrown: unknown) => void): void {
  try {
    step();
  } catch (thrown) {
    failed(thrown);
  }
}
