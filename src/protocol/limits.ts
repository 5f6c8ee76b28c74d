/**
 * The limits of AWS IoT Core, all in one place: bytes are UTF-8 bytes, and what has no unit in its name is a count.
 * Sources are anchors of https://docs.aws.amazon.com/general/latest/gr/iot-core.html unless a row gives another page.
 */
export const AWS_LIMITS = Object.freeze({
  /** Payload of one PUBLISH; a longer one closes the connection. Source: `#message-broker-limits` */
  payloadBytes: 131_072,
  /** Topic or filter, not counting `$aws/rules/<rule>/` and `$share/<group>/`. Source: `#message-broker-limits` */
  topicBytes: 256,
  /** Slashes of a topic or filter, counted as `topicBytes` is. Source: `#message-broker-limits` */
  topicSlashes: 7,
  /** Filters in one SUBSCRIBE; more of them close the connection. Source: `#message-broker-limits` */
  filtersPerSubscribe: 8,
  /** Filters that one connection may hold. Source: `#message-broker-limits` */
  subscriptionsPerConnection: 50,
  /** PUBLISH packets a second, in and out together; the excess is discarded. Source: `#message-broker-limits` */
  publishesPerSecond: 100,
  /** Throughput of one connection, in and out together; the excess waits. Source: `#message-broker-limits` */
  bytesPerSecond: 524_288,
  /** QoS 1 publishes without a PUBACK, in each direction. Source: `#message-broker-limits` */
  unacknowledgedPublishes: 100,
  /** Client id. Source: `#message-broker-limits` */
  clientIdBytes: 128,
  /** Keep-alive; the broker takes 0 and longer ones for the maximum. Source: `#iot-protocol-limits` */
  keepAliveSeconds: Object.freeze({ min: 30, max: 1_200 }),
  /** CONNECT packets a second with the same client id. Source: `#message-broker-limits` */
  connectsPerSecondPerClientId: 1,
  /** The longest message expiry of MQTT 5; the least is 1. Source: `#message-broker-limits` */
  messageExpirySeconds: 604_800,
  /** After this a WebSocket is closed, whatever it does. Source: `#iot-protocol-limits` */
  webSocketLifetimeMs: 24 * 60 * 60 * 1_000,
  /**
   * The longest `disconnectAfterInSeconds` of a custom authorizer. When it says less, no client is told. Source:
   * https://docs.aws.amazon.com/iot/latest/developerguide/custom-auth-lambda.html
   */
  authorizedLifetimeMs: 24 * 60 * 60 * 1_000,
  /** Device shadows. Source: `#device-shadow-limits` */
  shadow: Object.freeze({
    /** Desired and reported state together; metadata does not count. */
    documentBytes: 8_192,
    /** Source: https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-error-messages.html */
    clientTokenBytes: 64,
    /** Requests of one connection that have no answer yet. */
    requestsInFlight: 10,
    /** Requests a second about one thing. */
    requestsPerSecondPerThing: 20,
    /** Levels of desired or of reported state. The text of AWS's own error says 6; who is stricter than the quota refuses what works. */
    documentLevels: 8,
    /** Source: https://docs.aws.amazon.com/iot/latest/apireference/API_CreateThing.html */
    thingNameCharacters: 128,
    shadowNameCharacters: 64,
  }),
});

/**
 * The limits of MQTT itself, for every broker. Sources are sections of
 * https://docs.oasis-open.org/mqtt/mqtt/v5.0/mqtt-v5.0.html; MQTT 3.1.1 has the same numbers.
 */
export const MQTT_LIMITS = Object.freeze({
  /** Every string: a topic, a filter, a client id. Source: 1.5.4 */
  stringBytes: 65_535,
  /** Binary data: the payload of a Will. Source: 1.5.6, 3.1.3.4 */
  binaryBytes: 65_535,
  /** The greatest number of four bytes, such as an interval in seconds. Source: 1.5.3 */
  fourByteInteger: 4_294_967_295,
  /** The greatest packet identifier; the least is 1. Source: 2.2.1 */
  packetId: 65_535,
  /** The greatest receive maximum, and what holds when CONNACK names none. Source: 3.2.2.3.3 */
  receiveMaximum: 65_535,
  /** Remaining length, so topic, properties and payload of a PUBLISH together. Source: 1.5.5, 2.1.4 */
  remainingLengthBytes: 268_435_455,
});
