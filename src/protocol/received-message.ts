import { describe, IotError } from './errors.ts';
import type { IncomingMessage, MessageProperties } from './message.ts';

const utf8 = new TextDecoder();
const NO_PROPERTIES: MessageProperties = Object.freeze({});

/** A message as a handler gets it. */
export class Message implements IncomingMessage {
  readonly topic: string;
  /** The bytes as they came. All handlers of a message share them: do not change them. */
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  /** Whether the broker had it in store, rather than that somebody published it now (MQTT-3.3.1-8). */
  readonly retain: boolean;
  /** The DUP flag as the broker set it. AWS IoT Core never sets it, so `false` does not mean "for the first time". */
  readonly duplicate: boolean;
  /** What its sender said about it (MQTT 5, 3.3.2.3). Frozen, and empty when he said nothing, as always with MQTT 3.1.1. */
  readonly properties: MessageProperties;

  constructor(incoming: IncomingMessage) {
    this.topic = incoming.topic;
    this.payload = incoming.payload;
    this.qos = incoming.qos;
    this.retain = incoming.retain;
    this.duplicate = incoming.duplicate;
    this.properties = incoming.properties === undefined ? NO_PROPERTIES : frozen(incoming.properties);
  }

  /** The payload read as UTF-8, as `Response.text()` of fetch does: wrong bytes become U+FFFD, a leading BOM is dropped. */
  text(): string {
    return utf8.decode(this.payload);
  }

  /**
   * The payload read as JSON. `T` is what the caller believes; nothing checks it.
   *
   * @throws IotError `INVALID_PAYLOAD` when it is not JSON. The error names the topic and shows nothing of the payload.
   */
  json<T = unknown>(): T {
    try {
      return JSON.parse(this.text()) as T;
    } catch {
      // Without a cause: the message of a SyntaxError quotes the payload.
      const { topic, payload } = this;
      throw new IotError(
        'INVALID_PAYLOAD',
        `the message on topic ${describe(topic)} (${payload.byteLength} bytes) is not JSON`,
      );
    }
  }
}

/** A copy that nobody can change, down to the values of a name. Only bytes cannot be frozen. */
function frozen(properties: MessageProperties): MessageProperties {
  const { userProperties } = properties;
  if (userProperties === undefined) return Object.freeze({ ...properties });
  const values = Object.entries(userProperties).map(
    ([name, value]) => [name, typeof value === 'string' ? value : Object.freeze([...value])] as const,
  );
  return Object.freeze({ ...properties, userProperties: Object.freeze(Object.fromEntries(values)) });
}
