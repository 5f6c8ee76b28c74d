/**
 * What the tests of this package are made of, for the tests of apps.
 *
 * @module
 */

export * from './history-checker.ts';
export {
  type Adjacency,
  adjacencyOf,
  createPathModel,
  type Edge,
  type PathModel,
  type PathModelOptions,
} from './path-model.ts';
export { VirtualClock } from './virtual-clock.ts';
