import type { AnyStateMachine } from 'xstate';

/** Also of a second copy of XState: by what a model needs of a machine. */
export function isStateMachine(value: unknown): value is AnyStateMachine {
  return typeof (value as Partial<AnyStateMachine> | null | undefined)?.getStateNodeById === 'function';
}
