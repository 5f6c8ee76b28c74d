import type { IPublishPacket } from 'mqtt-packet';
import { describe } from '../protocol/errors.ts';
import type { IncomingMessage, MessageProperties } from '../protocol/message.ts';
import { aliasInvalid, type Breach, malformed, protocolError } from './breach.ts';

/** How many topics a broker may give an alias. AWS IoT Core uses at most as many. */
export const TOPIC_ALIASES = 8;

/** Wildcards and NUL (MQTT-3.3.2-2, MQTT-1.5.4-2). */
const NOT_IN_A_TOPIC = /[+#\0]/;
/** What a decoder writes for bytes that are no UTF-8; but a character like any other when it was sent. */
const REPLACEMENT = '\ufffd';

/** What mqtt-packet found in a PUBLISH. It hardly checks: the values are what they should be, or an array, null, or -1. */
type RawProperties = NonNullable<IPublishPacket['properties']>;

/** Checks each PUBLISH of one line before it is handled, and knows the aliases that the broker set. */
export class InboundPublishes {
  readonly #topicOf = new Map<number, string>();

  /**
   * Gives the packet the topic that it means: mqtt.js looks an alias up and tells nobody what it found. Returns what is wrong
   * with the packet, if something is.
   */
  check(packet: IPublishPacket): Breach | undefined {
    const { topic, properties } = packet;
    if (NOT_IN_A_TOPIC.test(topic)) return malformed(`PUBLISH to ${describe(topic)}`);
    if (properties !== undefined) {
      return wrongWith(properties) ?? this.#resolveAlias(packet, properties);
    }
    return topic === '' ? WITHOUT_TOPIC : undefined;
  }

  #resolveAlias(packet: IPublishPacket, properties: RawProperties): Breach | undefined {
    const alias = properties.topicAlias;
    if (alias === undefined) return packet.topic === '' ? WITHOUT_TOPIC : undefined;
    if (alias < 1 || alias > TOPIC_ALIASES) return aliasInvalid(`PUBLISH with the topic alias ${alias}`);
    if (packet.topic !== '') {
      this.#topicOf.set(alias, packet.topic);
      return undefined;
    }
    const topic = this.#topicOf.get(alias);
    if (topic === undefined) return aliasInvalid(`PUBLISH with the topic alias ${alias}, which was not set`);
    packet.topic = topic;
    return undefined;
  }
}

const WITHOUT_TOPIC = protocolError('PUBLISH without a topic');

const isText = (value: unknown): boolean => typeof value === 'string';
const isCount = (value: unknown): boolean => typeof value === 'number' && value >= 0;

/** What the value of each property must be; of others we know nothing, and pass nothing on. */
const RIGHT: Readonly<Record<string, (value: unknown) => boolean>> = {
  payloadFormatIndicator: (value) => typeof value === 'boolean',
  messageExpiryInterval: isCount,
  topicAlias: isCount,
  responseTopic: isText,
  correlationData: (value) => value instanceof Uint8Array,
  contentType: isText,
  userProperties: (value) =>
    Object.entries(value as object).every(([, texts]) => [texts].flat().every(isText)),
};

function wrongWith(properties: RawProperties): Breach | undefined {
  for (const [name, value] of Object.entries(properties)) {
    if (RIGHT[name]?.(value) === false) return protocolError(`PUBLISH with a wrong ${name}`);
  }
  return undefined;
}

/** The message in a PUBLISH that was checked. */
export function incomingMessage(packet: IPublishPacket): IncomingMessage {
  const { topic, payload, qos, retain, dup } = packet;
  const message = { topic, payload: payload as Uint8Array, qos, retain, duplicate: dup };
  const properties = packet.properties === undefined ? undefined : messageProperties(packet.properties);
  return properties === undefined ? message : { ...message, properties };
}

/** Nobody can publish to it, which is no harm to the line: the message comes without it. U+FFFD may be broken UTF-8. */
const isTopic = (text: string): boolean => !NOT_IN_A_TOPIC.test(text) && !text.includes(REPLACEMENT);

function messageProperties(raw: RawProperties): MessageProperties | undefined {
  const { payloadFormatIndicator: isUtf8, messageExpiryInterval: seconds } = raw;
  const { contentType, responseTopic, correlationData, userProperties } = raw;
  const properties: MessageProperties = {
    ...(contentType === undefined ? {} : { contentType }),
    ...(isUtf8 === undefined ? {} : { payloadFormat: isUtf8 ? 'utf8' : 'bytes' }),
    ...(responseTopic === undefined || !isTopic(responseTopic) ? {} : { responseTopic }),
    ...(correlationData === undefined ? {} : { correlationData }),
    ...(seconds === undefined ? {} : { messageExpirySeconds: seconds }),
    // Without a prototype, as mqtt-packet makes it: a name may be `__proto__`. It loses the first of several values of a
    // name when that is empty: `tag` and `tag=b` come as `b` alone.
    ...(userProperties === undefined ? {} : { userProperties }),
  };
  return Object.keys(properties).length === 0 ? undefined : properties;
}
