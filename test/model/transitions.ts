import type { AnyStateNode, AnyTransitionDefinition, InspectionEvent } from 'xstate';

/** Adds the names of the transitions that a machine takes in this step. */
export function takenIn(step: InspectionEvent, taken: Set<string>): void {
  if (step.type !== '@xstate.microstep') return;
  for (const transition of step._transitions) taken.add(nameOf(transition));
}

/** The names of all transitions of a state and of those in it. */
export function transitionsOf(node: AnyStateNode): string[] {
  const own = [...node.transitions.values()].flat();
  return [
    ...[...own, ...(node.always ?? [])].map(nameOf),
    ...Object.values(node.states).flatMap((child) => transitionsOf(child)),
  ];
}

function nameOf({ source, eventType, guard, target }: AnyTransitionDefinition): string {
  const condition = typeof guard === 'string' ? ` [${guard}]` : '';
  return `${source.id} on ${eventType}${condition} to ${target?.map(({ id }) => id).join() ?? 'nothing'}`;
}
