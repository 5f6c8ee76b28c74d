import type { AnyMachineSnapshot, AnyStateMachine, AnyTransitionDefinition, InspectionEvent } from 'xstate';
import { invalid } from '../protocol/errors.ts';
import { isStateMachine } from './is-state-machine.ts';
import type { MachineModel } from './machine-model.ts';
import { statesOf, transitionName, transitionsOf } from './transition-names.ts';

/** How often something of a machine was seen. */
export interface CoverageRow {
  readonly kind: 'state' | 'transition';
  /** The id of a state, or the name of a transition: `connection.idle on connect to connection.line`. */
  readonly name: string;
  /** How often it was entered or taken. */
  readonly times: number;
}

/** What of a machine its actors have entered and taken. */
export interface Coverage {
  /** Give it to whatever runs the machine: `createActor(machine, { inspect: coverage.observe })`, or a client's `inspect`. */
  readonly observe: (event: InspectionEvent) => void;
  /** Every state and every transition, in the order of the machine. */
  readonly rows: readonly CoverageRow[];
  /** The names of those that were never seen. */
  readonly missing: readonly string[];
  /**
   * Throws an error that names all that is missing. With `except` that must be missing, and nothing else: who takes a
   * transition that is excepted hears of it too.
   */
  readonly expectAll: (options?: { readonly except?: readonly string[] }) => void;
  /** A table: how often, what. */
  readonly toString: () => string;
}

/**
 * Counts which states and transitions of a machine its actors go through. It sees every actor whose machine has the same
 * id, of as many systems as it is told to observe.
 *
 * @param of a machine, or a model of one
 * @throws {IotError} `INVALID_ARGUMENT`
 */
export function coverageOf(of: MachineModel | AnyStateMachine): Coverage {
  const machine = 'machine' in Object(of) ? (of as MachineModel).machine : of;
  if (!isStateMachine(machine)) throw invalid('of', 'a model or a state machine', of);
  return new MachineCoverage(machine);
}

class MachineCoverage implements Coverage {
  readonly #id: string;
  readonly #states: Map<string, number>;
  readonly #transitions: Map<string, number>;

  constructor({ id, root }: AnyStateMachine) {
    this.#id = id;
    this.#states = new Map(statesOf(root).map((name) => [name, 0]));
    this.#transitions = new Map(transitionsOf(root).map((name) => [name, 0]));
  }

  readonly observe = (event: InspectionEvent): void => {
    if (event.type !== '@xstate.microstep' && event.type !== '@xstate.snapshot') return;
    // Of an actor that is no machine it has none.
    const snapshot = event.snapshot as Omit<AnyMachineSnapshot, 'machine'> & {
      readonly machine?: AnyStateMachine;
    };
    if (snapshot.machine?.id !== this.#id) return;
    for (const { id } of snapshot._nodes) count(this.#states, id);
    if (event.type === '@xstate.snapshot') return;
    for (const transition of event._transitions as readonly AnyTransitionDefinition[])
      count(this.#transitions, transitionName(transition));
  };

  get rows(): readonly CoverageRow[] {
    return [
      ...[...this.#states].map(([name, times]) => ({ kind: 'state' as const, name, times })),
      ...[...this.#transitions].map(([name, times]) => ({ kind: 'transition' as const, name, times })),
    ];
  }

  get missing(): readonly string[] {
    return this.rows.filter(({ times }) => times === 0).map(({ name }) => name);
  }

  readonly expectAll = ({ except = [] }: { readonly except?: readonly string[] } = {}): void => {
    const missing = this.missing.filter((name) => !except.includes(name));
    const known = new Map(this.rows.map(({ name, times }) => [name, times]));
    const wrong = except.filter((name) => known.get(name) !== 0);
    const complaints = [
      ...missing.map((name) => `never seen: ${name}`),
      ...wrong.map((name) => `${known.has(name) ? 'excepted, and seen' : 'excepted, and unknown'}: ${name}`),
    ];
    if (complaints.length > 0) throw new Error(`${this.#id} is not covered\n  ${complaints.join('\n  ')}`);
  };

  toString(): string {
    const lines = this.rows.map(
      ({ kind, name, times }) => `${String(times).padStart(7)}  ${kind.padEnd(10)}  ${name}`,
    );
    return [`  times  kind        ${this.#id}`, ...lines].join('\n');
  }
}

function count(counts: Map<string, number>, name: string): void {
  const times = counts.get(name);
  // A machine that was changed by provide() has the same states, another one of this id may have others.
  if (times !== undefined) counts.set(name, times + 1);
}
