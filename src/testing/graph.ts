import type { AnyMachineSnapshot, EventObject } from 'xstate';

/** An event with whatever it carries. */
export type ModelEvent = EventObject & Readonly<Record<string, unknown>>;

/** One step of a model: what was, what came, what is then. */
export interface Edge {
  readonly from: AnyMachineSnapshot;
  readonly event: ModelEvent;
  readonly to: AnyMachineSnapshot;
  /** The names of the transitions that it takes. */
  readonly transitions: readonly string[];
}

/** Every state that a model can reach, and every step between them. */
export interface Adjacency {
  /** One snapshot of each, nearest first. */
  readonly states: readonly AnyMachineSnapshot[];
  /** One for each event that a state takes, also when it stays in it. */
  readonly edges: readonly Edge[];
  /** The ids of all states of the machine that are entered anywhere, also those that are left in the same step. */
  readonly entered: ReadonlySet<string>;
  /**
   * The states that can be reached from these, themselves included, over the edges that `follow` takes.
   * A claim such as "after disconnect nothing dials without a new connect" is one call of it.
   */
  readonly reachable: (
    from: readonly AnyMachineSnapshot[],
    follow?: (edge: Edge) => boolean,
  ) => readonly AnyMachineSnapshot[];
  /** The states from which one of these can be reached, themselves included, over the edges that `follow` takes. */
  readonly reaching: (
    to: readonly AnyMachineSnapshot[],
    follow?: (edge: Edge) => boolean,
  ) => readonly AnyMachineSnapshot[];
  /** Which of `states` a snapshot is: the `to` of an edge is what follows from its `from`, and only like the one of `states`. */
  readonly stateOf: (snapshot: AnyMachineSnapshot) => AnyMachineSnapshot;
  /** The steps of a shortest way to one of `states`: each begins with the very snapshot that the one before it led to. */
  readonly wayTo: (state: AnyMachineSnapshot) => readonly Edge[];
}

/** Something that must be true of all states and steps of a model: said by a person, and not taken from the machine. */
export interface Claim {
  /** As the name of a test: `after disconnect nothing dials without a new connect`. */
  readonly description: string;
  /** The states or steps that break it. */
  readonly broken: (graph: Adjacency) => readonly (AnyMachineSnapshot | Edge)[];
}
