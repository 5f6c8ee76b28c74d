import { invalid } from '../protocol/errors.ts';

/** What XState says of a step of a machine: `InspectionEvent` of `xstate`, whose fields depend on the `type`. */
export interface InspectedEvent {
  /** `@xstate.actor`, `@xstate.event`, `@xstate.microstep`, `@xstate.snapshot` or `@xstate.action`. */
  readonly type: string;
  /** The `sessionId` of the root actor of its system. */
  readonly rootId: string;
}

// By methods, so that an observer of XState's own type fits, which wants to know more of an event.
interface Listening {
  listen(event: InspectedEvent): void;
}

/** Hears every step of the machines of a client: what `createActor()` of XState takes as `inspect`. */
export type InspectionObserver =
  | Listening['listen']
  | {
      /** Called in the midst of a step. */
      next?(event: InspectedEvent): void;
    };

/** @throws IotError `INVALID_ARGUMENT` */
export function checkObserver(inspect: unknown): void {
  const isObserver =
    typeof inspect === 'function' ||
    (typeof inspect === 'object' && inspect !== null && typeof (inspect as Listener).next === 'function');
  if (!isObserver) throw invalid('inspect', 'a function or an observer with next', inspect);
}

type Listener = { readonly next?: unknown };
