import type { IConnackPacket } from 'mqtt-packet';
import { MQTT_LIMITS } from '../protocol/limits.ts';
import type { Caution, SessionFacts } from '../protocol/transport.ts';
import { type Breach, protocolError } from './breach.ts';

/** What the broker does not take. What 3.1.1 has no words for, it takes. */
export interface BrokerLimits {
  /** Bytes of a packet, header and all. */
  readonly maximumPacketBytes: number;
  readonly maximumQos: number;
  readonly retain: boolean;
}

/** What a CONNACK that accepts tells, checked. */
export interface Accepted {
  readonly sessionPresent: boolean;
  readonly receiveMaximum: number;
  readonly limits: BrokerLimits;
  readonly assignedClientId?: string;
  readonly serverKeepAliveSeconds?: number;
}

/** What else is known of the line when its CONNACK comes. */
interface LineFacts {
  readonly clean: boolean;
  readonly caution: Caution | undefined;
  readonly lifetimeMs: number | undefined;
}

/** What the machines get to know of it. */
export function sessionFacts(
  { limits: _, sessionPresent, ...facts }: Accepted,
  { clean, caution, lifetimeMs }: LineFacts,
): SessionFacts {
  return {
    ...facts,
    // A session that was to be forgotten cannot be there, whatever the broker says.
    sessionPresent: sessionPresent && !clean,
    ...(caution === undefined ? {} : { caution }),
    ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
  };
}

type Properties = NonNullable<IConnackPacket['properties']>;
type NumberProperty = 'receiveMaximum' | 'maximumPacketSize' | 'maximumQoS' | 'serverKeepAlive';

/** Reads a CONNACK that accepts the CONNECT with this client id, of either version; or says what is wrong with it. */
export function readAccepted(connack: IConnackPacket, clientId: string): Accepted | Breach {
  const { properties = {} } = connack;
  const wrong = wrongWith(properties);
  if (wrong !== undefined) return protocolError(`CONNACK with a wrong ${wrong}`);
  const { assignedClientIdentifier: assignedClientId, serverKeepAlive } = properties;
  return {
    sessionPresent: connack.sessionPresent,
    receiveMaximum: properties.receiveMaximum ?? MQTT_LIMITS.receiveMaximum,
    limits: {
      maximumPacketBytes: properties.maximumPacketSize ?? Number.POSITIVE_INFINITY,
      maximumQos: properties.maximumQoS ?? 2,
      retain: properties.retainAvailable ?? true,
    },
    // A client that came with an id keeps it: no broker may assign another.
    ...(assignedClientId === undefined || clientId !== '' ? {} : { assignedClientId }),
    ...(serverKeepAlive === undefined ? {} : { serverKeepAliveSeconds: serverKeepAlive }),
  };
}

/** The least and the greatest value of each number (3.2.2.3). mqtt-packet gives an array for what came twice. */
const RANGES: Readonly<Record<NumberProperty, readonly [number, number]>> = {
  receiveMaximum: [1, MQTT_LIMITS.receiveMaximum],
  maximumPacketSize: [1, 0xffff_ffff],
  maximumQoS: [0, 1],
  serverKeepAlive: [0, 0xffff],
};

function wrongWith(properties: Properties): string | undefined {
  const { assignedClientIdentifier: id, retainAvailable } = properties;
  if (id !== undefined && (typeof id !== 'string' || id === '')) return 'assignedClientIdentifier';
  if (retainAvailable !== undefined && typeof retainAvailable !== 'boolean') return 'retainAvailable';
  return (Object.keys(RANGES) as NumberProperty[]).find((name) => {
    const value = properties[name];
    const [least, greatest] = RANGES[name];
    return value !== undefined && !(Number.isInteger(value) && value >= least && value <= greatest);
  });
}
