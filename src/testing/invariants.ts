import type { AnyMachineSnapshot } from 'xstate';
import { adjacencyOf } from './adjacency.ts';
import type { Adjacency, Claim, Edge } from './graph.ts';
import type { MachineModel } from './machine-model.ts';
import type { GraphOptions } from './nodes.ts';
import { placeOf } from './place-of.ts';
import { statesOf, transitionsOf } from './transition-names.ts';

/** A test of the model itself. */
export interface Invariant {
  /** As the name of a test, with the id of the machine. */
  readonly description: string;
  /** Throws an error with what breaks it, and a shortest way there. */
  readonly check: () => void;
}

const SHOWN = 3;

/**
 * Claims about every state and every step of a model: those that the model makes itself, and those that hold for every
 * machine: each state is reached, each transition taken, each state can be left, and an end, if there is one, reached.
 *
 * ```ts
 * for (const invariant of invariantsOf(connectionModel())) test(invariant.description, invariant.check);
 * ```
 *
 * @throws {IotError} `INVALID_ARGUMENT` when the model is larger than `limit`
 */
export function invariantsOf(model: MachineModel, options: GraphOptions = {}): Invariant[] {
  const graph = adjacencyOf(model, options);
  const seen = new Set([...graph.entered, ...graph.edges.flatMap(({ transitions }) => transitions)]);
  const listed = (kind: string, all: readonly string[]): Invariant => ({
    description: `${model.machine.id}: ${kind}, but for those that the model leaves out`,
    check: () => {
      const missing = all.filter((name) => !seen.has(name) && !model.without.includes(name));
      const wrong = all.filter((name) => seen.has(name) && model.without.includes(name));
      const lines = [
        ...missing.map((name) => `never: ${name}`),
        ...wrong.map((name) => `left out, and seen: ${name}`),
      ];
      if (lines.length > 0) throw new Error(`${kind}\n  ${lines.join('\n  ')}`);
    },
  });
  return [
    listed('every state is entered', statesOf(model.machine.root)),
    listed('every transition is taken', transitionsOf(model.machine.root)),
    ...[...GENERAL, ...model.claims].map((claim) => invariantOf(model, graph, claim)),
  ];
}

const isOver = ({ status }: AnyMachineSnapshot): boolean => status !== 'active';

const GENERAL: readonly Claim[] = [
  {
    description: 'no event kills it',
    broken: ({ edges }) => edges.filter(({ to }) => to.status === 'error'),
  },
  {
    description: 'every state has a way out, but an end',
    broken: ({ states, edges }) => {
      const left = new Set(
        edges.filter(({ from, to }) => placeOf(from) !== placeOf(to)).map(({ from }) => from),
      );
      return states.length === 1 ? [] : states.filter((state) => !isOver(state) && !left.has(state));
    },
  },
  {
    description: 'an end, if there is one, can be reached from everywhere',
    broken: ({ states, reaching }) => {
      const ends = states.filter(isOver);
      const ending = new Set(reaching(ends));
      return ends.length === 0 ? [] : states.filter((state) => !ending.has(state));
    },
  },
];

function invariantOf(model: MachineModel, graph: Adjacency, { description, broken }: Claim): Invariant {
  return {
    description: `${model.machine.id}: ${description}`,
    check: () => {
      const found = broken(graph);
      if (found.length === 0) return;
      const shown = found.slice(0, SHOWN).map((one) => counterexample(model, graph, one));
      const more = found.length > SHOWN ? [`and ${found.length - SHOWN} more`] : [];
      throw new Error(`not so: ${description}\n  ${[...shown, ...more].join('\n  ')}`);
    },
  };
}

function counterexample(model: MachineModel, graph: Adjacency, one: AnyMachineSnapshot | Edge): string {
  const isEdge = 'from' in one;
  const way = graph.wayTo(isEdge ? one.from : one).map(({ event }) => model.describe(event));
  const what = isEdge
    ? `${placeOf(one.from)} --${model.describe(one.event)}--> ${placeOf(one.to)}`
    : placeOf(one);
  return `${what}, after ${way.length === 0 ? 'nothing' : way.join(', ')}`;
}
