import type { ActorLogic, AnyMachineSnapshot, EventObject } from 'xstate';
import { TestModel } from 'xstate/graph';
import { IotError, invalid } from '../protocol/errors.ts';
import type { ModelEvent } from './graph.ts';
import type { MachineModel } from './machine-model.ts';
import type { MachineWalk } from './machine-walk.ts';

/** How far a model is walked. */
export interface GraphOptions {
  /** Whether an event comes in a state: for what the world of a test cannot do. Default: all that the model knows. */
  readonly filter?: (event: ModelEvent, snapshot: AnyMachineSnapshot) => boolean;
  /** Gives up with an error after so many steps, instead of after all memory. Default 100,000. */
  readonly limit?: number;
}

/** A state, as it was found first, and where each event leads from there. */
export interface Node {
  readonly state: AnyMachineSnapshot;
  readonly steps: readonly { readonly event: ModelEvent; readonly to: AnyMachineSnapshot }[];
}

/** As `xstate/graph` has it, whose type of a map has no values. */
interface Found {
  readonly state: AnyMachineSnapshot;
  readonly transitions: Readonly<
    Record<string, { readonly event: ModelEvent; readonly state: AnyMachineSnapshot }>
  >;
}

const DEFAULT_LIMIT = 100_000;

/** Lets `xstate/graph` find all that can be reached in a model, nearest first, within a bound. */
export function nodesOf(
  { eventsIn, keyOf }: MachineModel,
  walk: MachineWalk,
  { limit = DEFAULT_LIMIT, filter = () => true }: GraphOptions,
): Node[] {
  if (!Number.isInteger(limit) || limit < 1) throw invalid('limit', 'a whole number from 1', limit);
  if (typeof filter !== 'function') throw invalid('filter', 'a function', filter);
  // Not `createTestModel`, which refuses machines that invoke or wait.
  const logic = {
    getInitialSnapshot: () => walk.start().to,
    transition: (snapshot: AnyMachineSnapshot, event: EventObject) => walk.step(snapshot, event).to,
    getPersistedSnapshot: (snapshot: AnyMachineSnapshot) => snapshot,
  } as unknown as ActorLogic<AnyMachineSnapshot, ModelEvent>;
  const model = new TestModel<AnyMachineSnapshot, ModelEvent, unknown>(logic, {
    limit,
    events: (snapshot) => eventsIn(snapshot).filter((event) => filter(event, snapshot)),
    serializeState: keyOf,
  });
  return bounded(limit, () =>
    (Object.values(model.getAdjacencyMap()) as readonly Found[]).map(({ state, transitions }) => ({
      state,
      steps: Object.values(transitions).map(({ event, state: to }) => ({ event, to })),
    })),
  );
}

function bounded<T>(limit: number, find: () => T): T {
  try {
    return find();
  } catch (error) {
    if (!(error instanceof Error && error.message === 'Traversal limit exceeded')) throw error;
    throw new IotError(
      'INVALID_ARGUMENT',
      `the model has more than ${limit} steps: give it a coarser abstract or fewer events, or a higher limit`,
      { cause: error },
    );
  }
}
