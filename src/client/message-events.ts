import type { MessageCalls, MessageCommand, MessageFact } from '../machines/client.types.ts';
import { IotError, type IotErrorCode } from '../protocol/errors.ts';
import type { IotClient } from './iot-client.ts';
import { isRefusal, type Subscription } from './subscription.ts';

type Publish = Extract<MessageCommand, { type: 'publish' }>;
type Subscribe = Extract<MessageCommand, { type: 'subscribe' }>;

/** How a subscription ends by the app's own wish. */
const WANTED_ENDS: readonly IotErrorCode[] = ['ABORTED', 'CLOSED'];

/** Makes calls of the events of an app that talks to the client machine itself, and facts of what they come to. */
export class MessageEvents implements MessageCalls {
  readonly #client: IotClient;
  readonly #tell: (fact: MessageFact) => void;
  /** What was subscribed by events, by filter, the newest last: it takes the place of the others once it is accepted. */
  readonly #subscriptions = new Map<string, Promise<Subscription>[]>();

  constructor(client: IotClient, tell: (fact: MessageFact) => void) {
    this.#client = client;
    this.#tell = tell;
  }

  ask = (command: MessageCommand): void => {
    switch (command.type) {
      case 'publish':
        void this.#publish(command);
        break;
      case 'subscribe':
        this.#subscribe(command);
        break;
      case 'unsubscribe':
        this.#unsubscribe(command.filter);
        break;
      default:
        command satisfies never;
    }
  };

  free = (): void => {
    for (const asked of this.#subscriptions.values()) asked.length = 0;
    this.#subscriptions.clear();
  };

  async #publish({ type: _, topic, payload, id, ...options }: Publish): Promise<void> {
    try {
      const receipt = await this.#client.publish(topic, payload, options);
      if (receipt.state === 'queued') this.#tell({ type: 'message.queued', id, topic });
      await receipt.delivered;
      this.#tell({ type: 'message.delivered', id, topic });
    } catch (error) {
      this.#tell({ type: 'message.undelivered', id, topic, error: asError(error) });
    }
  }

  #subscribe({ type: _, filter, ...options }: Subscribe): void {
    const asked = this.#subscriptions.get(filter) ?? [];
    const subscribing = this.#client.subscribe(filter, options, (message) => {
      // While one takes the place of another, both are there.
      if (asked.at(-1) === subscribing) this.#tell({ type: 'message.received', filter, message });
    });
    asked.push(subscribing);
    this.#subscriptions.set(filter, asked);
    subscribing.then(
      () => endAll(asked.splice(0, Math.max(0, asked.indexOf(subscribing)))),
      (error: unknown) => this.#failed(filter, subscribing, asError(error)),
    );
  }

  #failed(filter: string, subscribing: Promise<Subscription>, error: IotError): void {
    const asked = this.#subscriptions.get(filter) ?? [];
    const at = asked.indexOf(subscribing);
    if (at >= 0) void asked.splice(at, 1);
    if (asked.length === 0) this.#subscriptions.delete(filter);
    // What the broker refuses the machine tells by itself.
    if (isRefusal(error) || WANTED_ENDS.includes(error.code)) return;
    this.#tell({ type: 'subscription.failed', filter, error });
  }

  #unsubscribe(filter: string): void {
    const asked = this.#subscriptions.get(filter) ?? [];
    endAll(asked.splice(0));
    this.#subscriptions.delete(filter);
  }
}

/** What comes of it is a fact of the machine. */
function endAll(subscriptions: readonly Promise<Subscription>[]): void {
  for (const one of subscriptions)
    void one.then((subscription) => subscription.unsubscribe()).catch(() => undefined);
}

function asError(thrown: unknown): IotError {
  return IotError.is(thrown) ? thrown : new IotError('INTERNAL', 'a call failed', { cause: thrown });
}
