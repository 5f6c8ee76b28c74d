/** AWS IoT Core knows QoS 0 and 1 (https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html#mqtt-qos). */
export type QoS = 0 | 1;

/** Names and values that an app gives a message (MQTT 5, 3.3.2.3.7). A name may have several values. */
export type UserProperties = Readonly<Record<string, string | readonly string[]>>;

/** What a PUBLISH of MQTT 5 can say beside topic and payload (3.3.2.3). */
export interface MessageProperties {
  /** What the payload is, usually a MIME type. */
  readonly contentType?: string;
  /** Whether the payload is text in UTF-8, so that the broker may check it. */
  readonly payloadFormat?: 'bytes' | 'utf8';
  /** Where an answer is expected. */
  readonly responseTopic?: string;
  /** Comes back with the answer. */
  readonly correlationData?: Uint8Array;
  /** Seconds, counted from when the broker has the message, after which it delivers it to nobody any more. */
  readonly messageExpirySeconds?: number;
  /** Of the app: no broker reads them. */
  readonly userProperties?: UserProperties;
}

/** A publish as the outbox and the wire carry it: valid, encoded, and no longer shared with the caller. */
export interface OutgoingMessage {
  readonly topic: string;
  readonly payload: string | Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  /** MQTT 5 only. */
  readonly properties?: MessageProperties;
}

/** A publish as it came from the broker. */
export interface IncomingMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** The DUP flag as the broker set it. AWS IoT Core never sets it. */
  readonly duplicate: boolean;
  /** MQTT 5 only; absent when the message has none. */
  readonly properties?: MessageProperties;
}

/** The message that the broker publishes when this client vanishes without a DISCONNECT (MQTT-3.1.2-8). */
export interface Will {
  readonly topic: string;
  readonly payload: string | Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  /** Seconds that the broker waits before it publishes it; a client that is back by then prevents it. MQTT 5 only. */
  readonly delaySeconds?: number;
  /** MQTT 5 only. */
  readonly properties?: MessageProperties;
}

/** What a SUBSCRIBE of MQTT 5 can ask for beside the QoS (3.8.3.1). */
export interface SubscriptionOptions {
  /** Messages of this client itself do not come back to it. Default false. */
  readonly noLocal?: boolean;
  /** The retain flag stays as it was published, instead of saying that the message was in store. Default false. */
  readonly retainAsPublished?: boolean;
  /** Whether retained messages are sent: 0 at each subscribe, 1 only when the subscription is new, 2 never. Default 0. */
  readonly retainHandling?: 0 | 1 | 2;
}

/** One filter of a SUBSCRIBE. */
export interface FilterRequest extends SubscriptionOptions {
  readonly filter: string;
  readonly qos: QoS;
}
