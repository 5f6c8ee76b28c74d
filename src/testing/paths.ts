import type { AnyMachineSnapshot } from 'xstate';
import { invalid } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import { adjacencyOf } from './adjacency.ts';
import type { Adjacency, Edge } from './graph.ts';
import { groupedBy } from './grouped.ts';
import type { MachineModel } from './machine-model.ts';
import type { GraphOptions } from './nodes.ts';
import { placeOf } from './place-of.ts';
import { goPath, type PathTestOptions, type Subject, type SubjectPath, type TestStep } from './subject.ts';

const COVERS: readonly unknown[] = ['states', 'transitions'];

/** Which paths through a model are wanted. */
export interface PathsOptions extends GraphOptions {
  /**
   * `'transitions'`: every transition of the model is taken in every state where it can be taken, also those that stay
   * in their state. `'states'`: every state is reached. Default `'transitions'`.
   */
  readonly cover?: 'states' | 'transitions';
  /** Only paths that end in such a state, and go on no further. Default: wherever they end. */
  readonly until?: (snapshot: AnyMachineSnapshot) => boolean;
}

/** A test: events in their order, and where each of them leads. */
export interface TestPath extends SubjectPath {
  /** Goes the path with a subject. Rejects with the first step that goes wrong. */
  readonly test: (subject: Subject, options?: PathTestOptions) => Promise<void>;
}

/**
 * The tests that cover a model: as few shortest paths as it takes, in the order of their lengths.
 *
 * ```ts
 * for (const path of pathsOf(connectionModel())) test(path.description, () => path.test(subject));
 * ```
 *
 * @throws {IotError} `INVALID_ARGUMENT`, also when the model is larger than `limit`
 */
export function pathsOf(model: MachineModel, options: PathsOptions = {}): TestPath[] {
  checkFields('options', options, ['cover', 'until', 'filter', 'limit']);
  const { cover = 'transitions', until, filter = () => true, limit } = options;
  if (!COVERS.includes(cover)) throw invalid('cover', "'states' or 'transitions'", cover);
  if (until !== undefined && typeof until !== 'function') throw invalid('until', 'a function', until);
  if (typeof filter !== 'function') throw invalid('filter', 'a function', filter);
  const graph = adjacencyOf(model, {
    filter: (event, snapshot) => until?.(snapshot) !== true && filter(event, snapshot),
    ...(limit === undefined ? {} : { limit }),
  });
  const keyOf = cover === 'states' ? stateKey : transitionKey;
  // Where every path begins needs none, and neither does an event that is ignored.
  const covered = new Set(['', ...graph.states.slice(0, 1).map(placeOf)]);
  const wanted = graph.edges.filter(({ to }) => until?.(to) !== false);
  const ways = firstOf(wanted, keyOf).map((edge) => ({
    edge,
    way: [...graph.wayTo(edge.from), edge],
  }));
  return fewest(ways, keyOf, covered).map(({ edge, way }) => pathOf(model, way, edge.to));
}

/** A shortest way, up to and with an edge. */
interface Way {
  readonly edge: Edge;
  readonly way: readonly Edge[];
}

type EdgeKey = (edge: Edge) => string;

const stateKey: EdgeKey = ({ to }) => placeOf(to);
const transitionKey: EdgeKey = ({ from, transitions, to }) =>
  transitions.length === 0 ? '' : JSON.stringify([from.value, transitions, to.value]);

/** Of each key the first one: edges are in the order in which they were found, so it is the nearest. */
function firstOf(edges: Adjacency['edges'], keyOf: EdgeKey): Edge[] {
  return [...groupedBy(edges, keyOf).values()].flatMap((same) => same.slice(0, 1));
}

/** Longest first, each way to what is new; but in the order of their lengths again. */
function fewest(ways: readonly Way[], keyOf: EdgeKey, covered: ReadonlySet<string>): readonly Way[] {
  const seen = new Set(covered);
  const chosen = ways
    .toSorted((a, b) => b.way.length - a.way.length)
    .filter(({ edge, way }) => {
      if (seen.has(keyOf(edge))) return false;
      for (const passed of way) seen.add(keyOf(passed));
      return true;
    });
  return chosen.reverse();
}

function pathOf({ describe }: MachineModel, way: readonly Edge[], state: AnyMachineSnapshot): TestPath {
  const steps = way.map(
    ({ from, event, to, transitions }): TestStep => ({
      event,
      from,
      state: to,
      transitions,
      description: describe(event),
    }),
  );
  const path: SubjectPath = {
    description: `${steps.map(({ description }) => description).join(', ')} → ${placeOf(state)}`,
    steps,
    state,
  };
  return { ...path, test: (subject, options) => goPath(path, subject, options) };
}
