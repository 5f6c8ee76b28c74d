import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  __unsafe_getAllOwnEventDescriptors as descriptorsOf,
  type EventFromLogic,
  type EventObject,
  type InputFrom,
  type SnapshotFrom,
} from 'xstate';
import { invalid } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import { eventWords } from './event-words.ts';
import type { Claim, ModelEvent } from './graph.ts';
import { isStateMachine } from './is-state-machine.ts';

/** What of a machine is tested. */
export interface MachineModelOptions<M extends AnyStateMachine> {
  /** As for an actor of the machine. */
  readonly input: InputFrom<M>;
  /**
   * Events with what they carry. Each replaces the bare event of its type; several of one type are all tried. As a
   * function: the events that may come in a state, and no others. Timers and the ends of invoked actors are events too:
   * `xstate.after.<delay>.<state id>`, `xstate.done.actor.<id>` and `xstate.error.actor.<id>`. Timers come in any case.
   * Default: every event that a state takes, bare.
   */
  readonly events?:
    | readonly (EventFromLogic<M> | EventObject)[]
    | ((snapshot: SnapshotFrom<M>) => readonly (EventFromLogic<M> | EventObject)[]);
  /**
   * What of the context makes two states different, as something that JSON can show. Keep it coarse: a counter makes a
   * state of each number. Default: nothing, states differ by their value alone.
   */
  readonly abstract?: (context: SnapshotFrom<M>['context']) => unknown;
  /** An event in words, for titles. Default: its type and its scalars. */
  readonly describe?: (event: ModelEvent) => string;
  /** What must be true of every state and step, for `invariantsOf`. Default: nothing but what is true of every machine. */
  readonly claims?: readonly Claim[];
  /** Names of states and transitions of the machine that this model never sees, for `invariantsOf`. Default: none. */
  readonly without?: readonly string[];
}

/** A machine with all that is needed to walk through it. */
export interface MachineModel<M extends AnyStateMachine = AnyStateMachine> {
  /** Ours have actors in it that do nothing. */
  readonly machine: M;
  /** As for an actor of the machine. */
  readonly input: InputFrom<M>;
  /** What must be true of every state and step. */
  readonly claims: readonly Claim[];
  /** Names of states and transitions of the machine that the model never sees. */
  readonly without: readonly string[];
  /** The events that may come in a state. */
  readonly eventsIn: (snapshot: AnyMachineSnapshot) => readonly ModelEvent[];
  /** States with the same key are the same state. */
  readonly keyOf: (snapshot: AnyMachineSnapshot) => string;
  /** An event in words. */
  readonly describe: (event: ModelEvent) => string;
}

/** Refuses what {@link machineModel} has not made. */
export function checkModel(model: MachineModel): void {
  if (!isStateMachine((Object(model) as Partial<MachineModel>).machine))
    throw invalid('model', 'what machineModel() makes', model);
}

const FIELDS = ['input', 'events', 'abstract', 'describe', 'claims', 'without'];

/**
 * A model of a machine, yours or one of ours: out of it {@link pathsOf} makes tests, {@link invariantsOf} claims and
 * {@link coverageOf} a list of what no test has taken. No actor of the machine runs and no time passes: timers and the
 * ends of invoked actors are events like any other.
 *
 * It stands on `xstate/graph`, where the package `@xstate/test` went, whose own models refuse machines that invoke or wait.
 *
 * ```ts
 * const model = machineModel(doorMachine, { input: undefined, events: [{ type: 'open', by: 'guest' }] });
 * for (const path of pathsOf(model)) test(path.description, () => path.test(subject));
 * ```
 *
 * @throws {IotError} `INVALID_ARGUMENT`
 */
export function machineModel<M extends AnyStateMachine>(
  machine: M,
  options: MachineModelOptions<M>,
): MachineModel<M> {
  checkFields('options', options, FIELDS);
  if (!isStateMachine(machine)) throw invalid('machine', 'a state machine', machine);
  const { input, events = [], abstract, describe = eventWords, claims = [], without = [] } = options;
  return {
    machine,
    input,
    claims,
    without,
    describe,
    eventsIn: (snapshot) => {
      if (snapshot.status !== 'active') return [];
      if (typeof events === 'function')
        return taken(snapshot, events(snapshot as SnapshotFrom<M>), (type) =>
          type.startsWith('xstate.after.'),
        );
      return taken(snapshot, events, () => true);
    },
    keyOf: (snapshot) =>
      JSON.stringify([
        snapshot.status,
        snapshot.value,
        abstract?.(snapshot.context as SnapshotFrom<M>['context']) ?? null,
      ]),
  };
}

/** Of the events those that the state takes, in their order; then, of each type that it takes and none is given for, the bare one. */
function taken(
  snapshot: AnyMachineSnapshot,
  events: readonly EventObject[],
  mayBeBare: (type: string) => boolean,
): ModelEvent[] {
  const descriptors = descriptorsOf(snapshot) as readonly string[];
  const given = events.filter(({ type }) => descriptors.some((descriptor) => isOf(descriptor, type)));
  const bare = descriptors.filter(
    (descriptor) =>
      !descriptor.endsWith('*') && mayBeBare(descriptor) && !given.some(({ type }) => type === descriptor),
  );
  return [...given, ...bare.map((type) => ({ type }))] as ModelEvent[];
}

function isOf(descriptor: string, type: string): boolean {
  return descriptor.endsWith('*') ? type.startsWith(descriptor.slice(0, -1)) : descriptor === type;
}
