import type { Outbox } from '../delivery/outbox.ts';
import type { RequestSlots } from '../delivery/request-slots.ts';
import type { ClientActorRef } from '../machines/actor-of.ts';
import type { ClientCommand, ClientFact } from '../machines/client.types.ts';
import { IotError } from '../protocol/errors.ts';
import type { ShadowRef } from './device-shadow.ts';
import type { Emitter } from './events.ts';
import { LineWatch } from './line-watch.ts';
import type { ResolvedOptions } from './options.ts';
import type { DehydratedShadow } from './resume.ts';
import type { Shadow, ShadowOptions } from './shadow.ts';
import { Shadows } from './shadows.ts';
import type { Subscriptions } from './subscriptions.ts';

export interface ClientShadowsContext {
  readonly options: ResolvedOptions;
  readonly emitter: Emitter;
  readonly outbox: Outbox;
  readonly slots: RequestSlots;
  readonly subscriptions: Subscriptions;
  readonly actor: ClientActorRef;
  readonly send: (command: ClientCommand) => void;
}

/** The shadows of a client, and what they use of it: its line, its subscriptions, and below its machine one for each. */
export class ClientShadows {
  readonly #slots: RequestSlots;
  readonly #line = new LineWatch();
  readonly #shadows: Shadows;

  constructor({ options, emitter, outbox, slots, subscriptions, actor, send }: ClientShadowsContext) {
    const { clock, random } = options;
    this.#slots = slots;
    this.#shadows = new Shadows({
      clock,
      emitter,
      subscriptions,
      isGranted: (filter) => {
        const known = actor.getSnapshot().children.subscriptions?.getSnapshot();
        // Without a session there is what the last one had, which nobody knows to be there in the next.
        return (
          known?.matches('online') === true && known.context.wanted.get(filter)?.grantedQos !== undefined
        );
      },
      requests: { outbox, slots, watchLine: this.#line.watch, random },
      start: (id, ports) => {
        send({ type: 'shadow.opened', id, ports });
        const shadow = (actor.getSnapshot().children as Record<string, unknown>)[id];
        if (shadow === undefined) throw new IotError('INTERNAL', 'the machine of a shadow is missing');
        return shadow as ShadowRef;
      },
      stop: (id) => send({ type: 'shadow.closed', id }),
      resumed: options.resume.shadows,
    });
  }

  /** @throws IotError `INVALID_ARGUMENT` */
  open<T>(thingName: string, options: ShadowOptions<T>): Shadow<T> {
    return this.#shadows.open(thingName, options);
  }

  dehydrate(): DehydratedShadow[] {
    return this.#shadows.dehydrate();
  }

  /** What of the connection concerns requests. */
  observe({ type }: ClientFact): void {
    switch (type) {
      case 'connection.usable':
        this.#slots.resume();
        this.#line.isUp = true;
        break;
      case 'connection.flushing':
        this.#slots.pause();
        break;
      case 'connection.disconnected':
        this.#line.isUp = false;
        break;
      default:
    }
  }

  close(error: IotError): void {
    this.#shadows.close(error);
  }
}
