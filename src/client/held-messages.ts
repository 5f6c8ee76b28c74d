import Denque from 'denque';
import type { Clock, Timer } from '../protocol/clock.ts';
import { propertiesBytes } from '../protocol/property-bytes.ts';
import { Message } from '../protocol/received-message.ts';
import { TopicTrie } from '../protocol/topic-trie.ts';
import { utf8Bytes } from '../protocol/utf8.ts';

const MOST_MESSAGES = 1_000;
const MOST_BYTES = 4 * 1024 * 1024;
const MOST_FILTERS = 1_000;
/** How long losses are summed up before they are told. */
const EPISODE_MS = 60_000;

interface HeldMessage {
  readonly message: Message;
  readonly bytes: number;
}

/** What held messages need of the rest of the client. */
export interface HeldMessagesContext {
  readonly clock: Clock;
  /** Brings a message to everybody who wants it. False when nobody does. */
  readonly deliver: (message: Message) => boolean;
  readonly warn: (message: string) => void;
}

/**
 * Messages of a persistent session that nobody takes yet: a new process meets an old session, and the broker sends what
 * it has kept before the app has subscribed. They wait, bounded, until somebody takes them, in the order in which they came
 * and before newer ones. What this client itself has unsubscribed is not meant for anybody who is still to come.
 */
export class HeldMessages {
  readonly #context: HeldMessagesContext;
  readonly #held = new Denque<HeldMessage>();
  #bytes = 0;
  /** Somebody new may want them. */
  #isDue = false;
  #isClosed = false;
  /** Filters that this client has unsubscribed, the latest last. */
  readonly #unsubscribed = new Set<string>();
  readonly #unsubscribedTopics = new TopicTrie<string>();
  #lost = 0;
  #episode: Timer;

  constructor(context: HeldMessagesContext) {
    this.#context = context;
  }

  /** Keeps a message that nobody took. */
  hold(message: Message): void {
    if (!this.#isMeantForLater(message)) return;
    const held = { message: detached(message), bytes: sizeOf(message) };
    if (held.bytes > MOST_BYTES) {
      this.#lose();
      return;
    }
    this.#keep(held);
    while (this.#held.length > MOST_MESSAGES || this.#bytes > MOST_BYTES) {
      this.#bytes -= this.#held.shift()?.bytes ?? 0;
      this.#lose();
    }
  }

  /** Somebody wants the messages of a filter from now on. */
  wanted(filter: string): void {
    if (this.#unsubscribed.delete(filter)) this.#unsubscribedTopics.delete(filter, filter);
    this.offer();
  }

  /** The last who wanted the messages of a filter has unsubscribed it. */
  unwanted(filter: string): void {
    this.#unsubscribed.add(filter);
    this.#unsubscribedTopics.add(filter, filter);
    if (this.#unsubscribed.size <= MOST_FILTERS) return;
    const [oldest] = this.#unsubscribed;
    if (oldest !== undefined && this.#unsubscribed.delete(oldest))
      this.#unsubscribedTopics.delete(oldest, oldest);
  }

  /** Somebody may take messages now. He gets them when his call is over, and before any newer one. */
  offer(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => this.deliverDue());
  }

  /** Delivers what somebody new may want, unless that is done already. */
  deliverDue(): void {
    if (!this.#isDue) return;
    this.#isDue = false;
    const offered = this.#held.toArray();
    this.#held.clear();
    this.#bytes = 0;
    for (const held of offered) {
      // A handler may have closed the client, or have unsubscribed what the next one is for.
      if (this.#isClosed) return;
      if (this.#context.deliver(held.message)) this.tellLosses();
      else if (this.#isMeantForLater(held.message)) this.#keep(held);
    }
  }

  /** Says how many were lost since it was last said. */
  tellLosses(): void {
    if (this.#lost === 0) return;
    this.#context.clock.clearTimeout(this.#episode);
    const lost = this.#lost;
    this.#lost = 0;
    const what = lost === 1 ? 'message was' : 'messages were';
    this.#context.warn(
      `${lost} received ${what} dropped, the oldest first: nobody took them, and at most ${MOST_MESSAGES} messages ` +
        `and ${MOST_BYTES} bytes wait for a subscription or a listener of "message"`,
    );
  }

  close(): void {
    this.#isClosed = true;
    this.#held.clear();
    this.#bytes = 0;
    this.tellLosses();
  }

  #isMeantForLater({ topic }: Message): boolean {
    return !this.#isClosed && this.#unsubscribedTopics.match(topic).length === 0;
  }

  #keep(held: HeldMessage): void {
    this.#held.push(held);
    this.#bytes += held.bytes;
  }

  #lose(): void {
    if (this.#lost === 0) this.#episode = this.#context.clock.setTimeout(() => this.tellLosses(), EPISODE_MS);
    this.#lost += 1;
  }
}

/** The same, with bytes of its own: those that came are a part of a larger buffer, which it would keep in memory. */
function detached(message: Message): Message {
  const { topic, qos, retain, duplicate, properties } = message;
  const { correlationData } = properties;
  return new Message({
    topic,
    payload: ownBytes(message.payload),
    qos,
    retain,
    duplicate,
    properties:
      correlationData === undefined
        ? properties
        : { ...properties, correlationData: ownBytes(correlationData) },
  });
}

/** The slice of a Buffer would share; this one is a copy, and a Buffer too where it was one. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes);
}

function sizeOf({ topic, payload, properties }: Message): number {
  return utf8Bytes(topic) + payload.byteLength + propertiesBytes(properties);
}
