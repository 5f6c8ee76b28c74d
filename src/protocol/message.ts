/** AWS IoT Core knows QoS 0 and 1 (https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html#mqtt-qos). */
export type QoS = 0 | 1;

/** A publish as the outbox and the wire carry it: valid, encoded, and no longer shared with the caller. */
export interface OutgoingMessage {
  readonly topic: string;
  readonly payload: string | Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
}

/** A publish as it came from the broker. */
export interface IncomingMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** The DUP flag as the broker set it. AWS IoT Core never sets it. */
  readonly duplicate: boolean;
}

/** The message that the broker publishes when this client vanishes without a DISCONNECT (MQTT-3.1.2-8). */
export interface Will {
  readonly topic: string;
  readonly payload: string | Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
}

/** One filter of a SUBSCRIBE. */
export interface FilterRequest {
  readonly filter: string;
  readonly qos: QoS;
}
