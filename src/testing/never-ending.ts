import { type AnyStateMachine, fromCallback } from 'xstate';

/** The machine with actors in place of its own that reach no world and never end: what they would do are events of a model. */
export function withoutActors<M extends AnyStateMachine>(machine: M): M {
  const names = Object.keys(machine.implementations.actors);
  return machine.provide({
    actors: Object.fromEntries(names.map((name) => [name, fromCallback(() => {})])),
  } as never) as M;
}
