import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  __unsafe_getAllOwnEventDescriptors as descriptorsOf,
  type EventFromLogic,
  type EventObject,
  type InputFrom,
  type SnapshotFrom,
} from 'xstate';
import { TestModel } from 'xstate/graph';

/** What of a machine the paths go through. */
export interface PathModelOptions<M extends AnyStateMachine> {
  /** As for an actor of the machine. Its ports are never called. */
  readonly input: InputFrom<M>;
  /**
   * Events with what they carry. Each replaces the bare event of its type; several of one type are all tried. As a
   * function: the events that may come in a state, and no others. Timers and the ends of invoked actors are events too,
   * `xstate.after.<delay>.<state id>` and `xstate.error.actor.<id>`; the timers come in any case.
   */
  readonly payloads?:
    | readonly (EventFromLogic<M> | EventObject)[]
    | ((snapshot: SnapshotFrom<M>) => readonly (EventFromLogic<M> | EventObject)[]);
  /**
   * What of the context makes two states different. Keep it coarse: a counter makes a state of each number.
   * @default nothing: states differ by their value alone
   */
  readonly abstract?: (context: SnapshotFrom<M>['context']) => unknown;
  /**
   * `'states'`: a shortest path to each state. `'transitions'`: a shortest path through each transition to another state.
   * @default 'states'
   */
  readonly cover?: 'states' | 'transitions';
  /** Gives up with an error after so many steps, instead of after all memory. Default 20,000. */
  readonly limit?: number;
}

/** A model of a machine whose paths can be asked for: `getShortestPaths()`, and {@link adjacencyOf}. */
export type PathModel = TestModel<AnyMachineSnapshot, EventObject, unknown>;

/**
 * Makes a model of a machine, out of which `xstate/graph` makes test paths. No actor runs and no time passes: an `after`
 * and the end of an invoked actor are steps like any other.
 *
 * ```ts
 * const model = createPathModel(connectionMachine, { input, payloads: [{ type: 'transport.failed', error }] });
 * for (const path of model.getShortestPaths()) test(path.description, () => walk(path.steps));
 * ```
 *
 * (Not `createTestModel`: it refuses machines that invoke or wait. Not `getSimplePaths`: there are too many.)
 */
export function createPathModel<M extends AnyStateMachine>(
  machine: M,
  options: PathModelOptions<M>,
): PathModel {
  const { payloads = [] } = options;
  const eventsIn = (snapshot: AnyMachineSnapshot): EventObject[] =>
    typeof payloads === 'function'
      ? eventsOf(snapshot, payloads(snapshot as SnapshotFrom<M>), isTimer)
      : eventsOf(snapshot, payloads, () => true);
  const keyOf = (snapshot: AnyMachineSnapshot): string =>
    JSON.stringify([
      snapshot.status,
      snapshot.value,
      options.abstract?.(snapshot.context as SnapshotFrom<M>['context']) ?? null,
    ]);
  return new TestModel<AnyMachineSnapshot, EventObject, unknown>(machine as never, {
    input: options.input,
    limit: options.limit ?? 20_000,
    events: eventsIn,
    serializeState: (snapshot, event, previous) => {
      const key = keyOf(snapshot);
      if (options.cover !== 'transitions' || event === undefined || previous === undefined) return key;
      const from = keyOf(previous);
      return from === key ? key : `${key} via ${JSON.stringify(event)} from ${from}`;
    },
    stateMatcher: (snapshot, key) =>
      key.startsWith('#')
        ? snapshot._nodes.includes(machine.getStateNodeById(key.slice(1)))
        : snapshot.matches(key),
  });
}

/** One step of a model: what was, what came, what is then. */
export interface Edge {
  readonly from: AnyMachineSnapshot;
  readonly event: EventObject;
  readonly to: AnyMachineSnapshot;
}

/** Every state that a model can reach, and every step between them. */
export interface Adjacency {
  /** One snapshot of each. */
  readonly states: readonly AnyMachineSnapshot[];
  /** One for each event that a state takes, also when it stays in it. */
  readonly edges: readonly Edge[];
  /**
   * The states that can be reached from these, themselves included, over the edges that `follow` takes.
   * An invariant such as "after disconnect nothing dials without a new connect" is one call of it.
   */
  readonly reachable: (
    from: readonly AnyMachineSnapshot[],
    follow?: (edge: Edge) => boolean,
  ) => readonly AnyMachineSnapshot[];
}

/** The graph of a model, to make independent claims about: paths made from a machine cannot find a wrong machine. */
export function adjacencyOf(model: PathModel): Adjacency {
  const keyOf = (snapshot: AnyMachineSnapshot): string =>
    (model.options.serializeState as (snapshot: AnyMachineSnapshot) => string)(snapshot);
  const nodes: readonly AdjacencyValue[] = Object.values(model.getAdjacencyMap());
  const states = new Map(nodes.map(({ state }) => [keyOf(state), state]));
  const edges = new Map<string, Edge[]>();
  for (const { state, transitions } of nodes) {
    const steps: readonly Step[] = Object.values(transitions);
    edges.set(
      keyOf(state),
      steps.map(({ event, state: to }) => ({ from: state, event, to })),
    );
  }
  return {
    states: [...states.values()],
    edges: [...edges.values()].flat(),
    reachable: (from, follow = () => true) => {
      const found = new Set(from.map(keyOf));
      // A set that grows while it is walked is walked to its end.
      for (const key of found) {
        for (const edge of edges.get(key) ?? []) if (follow(edge)) found.add(keyOf(edge.to));
      }
      return [...found].flatMap((key) => states.get(key) ?? []);
    },
  };
}

interface Step {
  readonly event: EventObject;
  readonly state: AnyMachineSnapshot;
}

interface AdjacencyValue {
  readonly state: AnyMachineSnapshot;
  readonly transitions: Record<string, Step>;
}

function eventsOf(
  snapshot: AnyMachineSnapshot,
  payloads: readonly EventObject[],
  mayBeBare: (type: string) => boolean,
): EventObject[] {
  if (snapshot.status !== 'active') return [];
  return descriptorsOf(snapshot).flatMap((descriptor: string) => {
    const given = payloads.filter(({ type }) => matches(descriptor, type));
    if (given.length > 0) return given;
    return descriptor.endsWith('*') || !mayBeBare(descriptor) ? [] : [{ type: descriptor }];
  });
}

const isTimer = (type: string): boolean => type.startsWith('xstate.after.');

function matches(descriptor: string, type: string): boolean {
  return descriptor.endsWith('*') ? type.startsWith(descriptor.slice(0, -1)) : descriptor === type;
}
