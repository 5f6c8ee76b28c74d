import type { AnyMachineSnapshot } from 'xstate';
import { checkFields } from '../protocol/fields.ts';
import type { Adjacency, Edge } from './graph.ts';
import { groupedBy } from './grouped.ts';
import { checkModel, type MachineModel } from './machine-model.ts';
import { MachineWalk } from './machine-walk.ts';
import { type GraphOptions, nodesOf } from './nodes.ts';

/**
 * The graph of a model, to make independent claims about: paths made from a machine cannot find a wrong machine.
 *
 * @throws {IotError} `INVALID_ARGUMENT`, also when the model is larger than `limit`
 */
export function adjacencyOf(model: MachineModel, options: GraphOptions = {}): Adjacency {
  checkModel(model);
  checkFields('options', options, ['filter', 'limit']);
  const { keyOf } = model;
  const walk = new MachineWalk(model.machine, model.input);
  const nodes = nodesOf(model, walk, options);
  const states = new Map(nodes.map(({ state }) => [keyOf(state), state]));
  const entered = new Set(walk.start().states);
  const edges = nodes.flatMap(({ state, steps }) =>
    steps.map(({ event, to }): Edge => {
      const { transitions, states: through } = walk.step(state, event);
      for (const id of through) entered.add(id);
      return { from: state, event, to, transitions };
    }),
  );
  const stateOf = (snapshot: AnyMachineSnapshot): AnyMachineSnapshot =>
    states.get(keyOf(snapshot)) ?? snapshot;
  const ends = new Map(edges.map((edge) => [edge, stateOf(edge.to)]));
  const endOf = (edge: Edge): AnyMachineSnapshot => ends.get(edge) ?? edge.to;
  const startOf = ({ from }: Edge): AnyMachineSnapshot => from;
  const [outOf, into] = [groupedBy(edges, startOf), groupedBy(edges, endOf)];
  return {
    states: [...states.values()],
    edges,
    entered,
    reachable: (from, follow) => spread(from.map(stateOf), outOf, endOf, follow),
    reaching: (to, follow) => spread(to.map(stateOf), into, startOf, follow),
    stateOf,
    wayTo: wayFinder(edges, stateOf),
  };
}

function spread(
  from: readonly AnyMachineSnapshot[],
  edgesOf: ReadonlyMap<AnyMachineSnapshot, readonly Edge[]>,
  next: (edge: Edge) => AnyMachineSnapshot,
  follow: (edge: Edge) => boolean = () => true,
): readonly AnyMachineSnapshot[] {
  const found = new Set(from);
  // A set that grows while it is walked is walked to its end.
  for (const state of found) {
    for (const edge of edgesOf.get(state) ?? []) if (follow(edge)) found.add(next(edge));
  }
  return [...found];
}

/** Nearest states are found first, so the edge by which a state was found is the last one of a shortest way to it. */
function wayFinder(
  edges: readonly Edge[],
  stateOf: Adjacency['stateOf'],
): (state: AnyMachineSnapshot) => readonly Edge[] {
  const moving = edges.filter(({ from, to }) => from !== to);
  const foundBy = new Map(moving.toReversed().map((edge) => [edge.to, edge]));
  return (state) => {
    const way: Edge[] = [];
    for (let edge = foundBy.get(stateOf(state)); edge !== undefined; edge = foundBy.get(edge.from))
      way.unshift(edge);
    return way;
  };
}
