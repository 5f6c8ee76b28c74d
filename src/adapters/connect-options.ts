import type { IClientOptions } from 'mqtt';
import { MAX_DELAY_MS } from '../protocol/clock.ts';
import type { MessageProperties, UserProperties, Will } from '../protocol/message.ts';
import { Credentials } from './credentials.ts';
import { TOPIC_ALIASES } from './inbound-publish.ts';
import { type MqttTransportOptions, NO_BOUND_BYTES } from './mqtt-options.ts';

const NOBODY = new Credentials({});
/** The name of a timer that was not started. */
const NEVER = 0;
const utf8 = new TextEncoder();
const ignore = (): void => {};

/**
 * What CONNECT says; and everything that mqtt.js could do by itself is off. It keeps and changes the object, so each client
 * gets its own.
 */
export function clientOptions(
  options: MqttTransportOptions,
  clientId: string,
  credentials: Credentials | undefined,
): IClientOptions {
  const { clean, keepAliveSeconds, protocolVersion, will, userNameSuffix } = options;
  return {
    clientId,
    // Without an id there is no earlier session, and mqtt-packet writes no such CONNECT.
    clean: clean || clientId === '',
    protocolVersion,
    keepalive: keepAliveSeconds,
    ...(credentials ?? NOBODY).fields(userNameSuffix),
    ...(protocolVersion === 5 ? { properties: connectProperties(options) } : {}),
    ...(will === undefined ? {} : { will: willOptions(will) }),
    manualConnect: true,
    reconnectPeriod: 0,
    // The machine owns the deadline.
    connectTimeout: MAX_DELAY_MS,
    resubscribe: false,
    queueQoSZero: false,
    reschedulePings: false,
    // A timer that never fires: keep-alive.ts pings.
    timerVariant: { set: () => NEVER, clear: ignore },
    // Its log would print whole packets, passwords included.
    log: ignore,
  };
}

function connectProperties(options: MqttTransportOptions): NonNullable<IClientOptions['properties']> {
  const { sessionExpirySeconds = 0, maximumPacketBytes = NO_BOUND_BYTES } = options;
  return {
    topicAliasMaximum: TOPIC_ALIASES,
    ...(sessionExpirySeconds === 0 ? {} : { sessionExpiryInterval: sessionExpirySeconds }),
    ...(maximumPacketBytes >= NO_BOUND_BYTES ? {} : { maximumPacketSize: maximumPacketBytes }),
  };
}

/** mqtt-packet takes no heed of the properties of a Will in MQTT 3.1.1. */
function willOptions({ topic, payload, qos, retain, delaySeconds, properties }: Will) {
  return {
    topic,
    payload: forMqttPacket(payload),
    qos,
    retain,
    properties: {
      ...(delaySeconds === undefined ? {} : { willDelayInterval: delaySeconds }),
      ...(properties === undefined ? {} : willProperties(properties)),
    },
  };
}

function willProperties(properties: MessageProperties) {
  const { contentType, payloadFormat, responseTopic, correlationData, messageExpirySeconds } = properties;
  const userProperties = withoutEmpty(properties.userProperties ?? {});
  return {
    ...(contentType === undefined ? {} : { contentType }),
    ...(payloadFormat === undefined ? {} : { payloadFormatIndicator: payloadFormat === 'utf8' }),
    ...(responseTopic === undefined ? {} : { responseTopic }),
    ...(correlationData === undefined ? {} : { correlationData: forMqttPacket(correlationData) }),
    ...(messageExpirySeconds === undefined ? {} : { messageExpiryInterval: messageExpirySeconds }),
    ...(userProperties === undefined ? {} : { userProperties }),
  };
}

/** A copy for mqtt-packet, which writes no packet at all when it finds nothing to write. */
function withoutEmpty(properties: UserProperties): Record<string, string[]> | undefined {
  const copy = Object.create(null) as Record<string, string[]>;
  for (const [name, values] of Object.entries(properties)) {
    if (values.length > 0 || typeof values === 'string') copy[name] = [values].flat();
  }
  return Object.keys(copy).length === 0 ? undefined : copy;
}

/** Of these it asks only how long they are, and any bytes will do. */
const forMqttPacket = (value: string | Uint8Array): Buffer =>
  (typeof value === 'string' ? utf8.encode(value) : value) as Buffer;
