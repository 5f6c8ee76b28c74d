import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type EventObject,
  initialTransition,
  transition,
} from 'xstate';
import { placeOf } from './support.ts';

/** What one step leads to: where, and which effects it orders, in their order. */
export interface PureStep {
  readonly snapshot: AnyMachineSnapshot;
  readonly place: string;
  readonly effects: readonly string[];
}

/** Steps through a machine without running anything: no actor, no timer. */
export function pure(machine: AnyStateMachine, input: unknown) {
  const start = (): PureStep => stepOf(initialTransition(machine, input as never));
  const step = (snapshot: AnyMachineSnapshot, event: EventObject): PureStep =>
    stepOf(transition(machine, snapshot as never, event as never));
  const afterEvents = (events: readonly EventObject[]): PureStep =>
    events.reduce((reached, event) => step(reached.snapshot, event), start());
  return { start, step, afterEvents };
}

function stepOf([snapshot, actions]: [unknown, readonly unknown[]]): PureStep {
  return {
    snapshot: snapshot as AnyMachineSnapshot,
    place: placeOf(snapshot as AnyMachineSnapshot),
    effects: (actions as readonly Effect[]).flatMap((effect) => describe(effect) ?? []),
  };
}

interface Effect {
  readonly type: string;
  readonly params: unknown;
}

/** `start transport`, `emit live`, `timer retry 1000`: an effect as a word or two. */
function describe({ type, params }: Effect): string | undefined {
  const of = params as {
    readonly id?: string;
    readonly delay?: number;
    readonly targetId?: string;
    readonly event?: EventObject;
  };
  switch (type) {
    case 'xstate.spawnChild':
      return `start ${of.id}`;
    case 'xstate.stopChild':
      // Nothing, when there is no such child.
      return params === undefined ? undefined : `stop ${of.id}`;
    case 'xstate.emit':
      return `emit ${of.event?.type}`;
    case 'xstate.raise':
      return `timer ${timerName(of.id)} ${of.delay}`;
    case 'xstate.cancel':
      // Every timer of a state is cancelled on leaving it: this is XState's part, and would only hide ours.
      return undefined;
    case 'xstate.sendTo':
      return `tell ${of.targetId} ${of.event?.type}`;
    default:
      return type;
  }
}

const timerName = (id = ''): string => id.split('.')[2] ?? id;
