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
  /** What was subscribed by an event, by filter. */
  readonly #subscriptions = new Map<string, Promise<Subscription>>();

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
    const before = this.#subscriptions.get(filter);
    const subscribing = this.#client.subscribe(filter, options, (message) => {
      // While one takes the place of another, both are there.
      if (this.#subscriptions.get(filter) === subscribing)
        this.#tell({ type: 'message.received', filter, message });
    });
    this.#subscriptions.set(filter, subscribing);
    subscribing.then(
      () => this.#end(before),
      (error: unknown) => this.#failed(filter, subscribing, before, asError(error)),
    );
  }

  #failed(
    filter: string,
    subscribing: Promise<Subscription>,
    before: Promise<Subscription> | undefined,
    error: IotError,
  ): void {
    if (this.#subscriptions.get(filter) === subscribing) {
      if (before === undefined || isRefusal(error)) this.#subscriptions.delete(filter);
      else this.#subscriptions.set(filter, before);
    }
    // What the broker refuses the machine tells by itself.
    if (isRefusal(error) || WANTED_ENDS.includes(error.code)) return;
    this.#tell({ type: 'subscription.failed', filter, error });
  }

  #unsubscribe(filter: string): void {
    this.#end(this.#subscriptions.get(filter));
    this.#subscriptions.delete(filter);
  }

  /** What comes of it is a fact of the machine. */
  #end(subscribing: Promise<Subscription> | undefined): void {
    subscribing?.then((subscription) => subscription.unsubscribe()).catch(() => undefined);
  }
}

function asError(thrown: unknown): IotError {
  return IotError.is(thrown) ? thrown : new IotError('INTERNAL', 'a call failed', { cause: thrown });
}
