import type { AnyActorRef, EventObject } from 'xstate';
import type { FactListener } from './connection.types.ts';

interface Enqueue<TFact> {
  sendTo(target: AnyActorRef, event: TFact): void;
  emit(event: TFact): void;
}

/** Tells a fact to the parent, if the machine was given one, and to whoever listens. For use in `enqueueActions`. */
export function tell<TFact extends EventObject>(
  context: { readonly parent: FactListener<TFact> | undefined },
  enqueue: Enqueue<TFact>,
  fact: TFact,
): void {
  // XState types a target by its whole interface, and uses only that it can be sent to.
  if (context.parent) enqueue.sendTo(context.parent as unknown as AnyActorRef, fact);
  enqueue.emit(fact);
}
