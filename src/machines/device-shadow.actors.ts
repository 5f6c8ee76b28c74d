import type { EventObject } from 'xstate';
import type { IotError } from '../protocol/errors.ts';
import { Handle } from '../protocol/handle.ts';
import type { DeviceShadowEvent, DeviceShadowPorts, WatchedTopics } from './device-shadow.types.ts';
import { guardedActor } from './guarded-actor.ts';

type Ports = Handle<DeviceShadowPorts>;

const failed = (error: IotError): DeviceShadowEvent => ({ type: 'actor.failed', error });

/** Tells whether there is a line that may be used. */
export const line = guardedActor<EventObject, { readonly ports: Ports }, DeviceShadowEvent>(
  ({ input, send, onEnd }) => onEnd(Handle.open(input.ports).watchLine(send)),
  failed,
);

/** Holds the topics of what is watched, exactly as long as it lives. */
export const topics = guardedActor<
  { readonly type: 'hold'; readonly watched: WatchedTopics },
  { readonly ports: Ports; readonly watched: WatchedTopics },
  DeviceShadowEvent
>(({ input, send, receive, onEnd }) => {
  const held = Handle.open(input.ports).watchTopics(input.watched, send);
  onEnd(held.release);
  receive(({ watched }) => held.change(watched));
}, failed);

/** Offers the newest delta to the handlers, and waits until they have done with it. */
export const offer = guardedActor<EventObject, { readonly ports: Ports }, DeviceShadowEvent>(
  ({ input, send }) => {
    const { offerDelta } = Handle.open(input.ports);
    // Thrown or rejected: either way the handlers have not taken it.
    const offered = (async () => await offerDelta())();
    offered.then(
      () => send({ type: 'delta.handled' }),
      () => send({ type: 'delta.failed' }),
    );
  },
  failed,
);
