import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type AnyTransitionDefinition,
  createActor,
  type EventObject,
  fromCallback,
  type InspectionEvent,
} from 'xstate';
import { transitionName } from './transition-names.ts';

/** One step of a machine: what came, where it leads, and by which transitions. */
export interface MachineStep {
  readonly to: AnyMachineSnapshot;
  /** Names of the transitions taken, eventless ones too. None: the event was ignored. */
  readonly transitions: readonly string[];
  /** The ids of all states that were entered, also those that were left in the same step. */
  readonly states: readonly string[];
}

type Scope = Parameters<AnyStateMachine['transition']>[2];

/** Steps through a machine without running anything: no actor starts, no timer runs, no action of the app is called. */
export class MachineWalk {
  readonly #machine: AnyStateMachine;
  readonly #input: unknown;
  readonly #scope: Scope;
  readonly #steps = new WeakMap<AnyMachineSnapshot, Map<EventObject, MachineStep>>();
  #start: MachineStep | undefined;
  #transitions: string[] = [];
  #states: string[] = [];

  constructor(machine: AnyStateMachine, input: unknown) {
    this.#machine = machine;
    this.#input = input;
    // XState tells the transitions that it takes to whoever inspects the system of an actor: so this one never starts.
    const self = createActor(
      fromCallback(() => {}),
      { inspect: (event) => this.#inspected(event) },
    );
    this.#scope = {
      self,
      system: self.system,
      id: self.id,
      sessionId: self.sessionId,
      logger: () => {},
      defer: () => {},
      stopChild: () => {},
      emit: () => {},
      actionExecutor: () => {},
    } as unknown as Scope;
  }

  /** Where it begins, with what was taken and entered to get there. */
  start(): MachineStep {
    this.#start ??= this.#recorded(() => this.#machine.getInitialSnapshot(this.#scope as never, this.#input));
    return this.#start;
  }

  /** The same snapshot and event object lead to the same step object. */
  step(from: AnyMachineSnapshot, event: EventObject): MachineStep {
    const known = this.#steps.get(from) ?? new Map<EventObject, MachineStep>();
    this.#steps.set(from, known);
    const step =
      known.get(event) ??
      this.#recorded(() => this.#machine.transition(from as never, event, this.#scope as never));
    known.set(event, step);
    return step;
  }

  #recorded(move: () => AnyMachineSnapshot): MachineStep {
    this.#transitions = [];
    this.#states = [];
    const to = move();
    const states = [...this.#states, ...idsOf(to)];
    return { to, transitions: this.#transitions, states: [...new Set(states)] };
  }

  #inspected(event: InspectionEvent): void {
    if (event.type !== '@xstate.microstep') return;
    this.#transitions.push(...(event._transitions as readonly AnyTransitionDefinition[]).map(transitionName));
    this.#states.push(...idsOf(event.snapshot as AnyMachineSnapshot));
  }
}

function idsOf(snapshot: AnyMachineSnapshot): string[] {
  return snapshot._nodes.map(({ id }) => id);
}
