import type { Packet, PacketCmd } from 'mqtt-packet';

/** A packet of one kind. */
export type PacketOf<Cmd extends PacketCmd> = Extract<Packet, { cmd: Cmd }>;

/**
 * What a line of the log is about: a packet, or that a connection was opened, carried bytes that are no MQTT, or was
 * closed.
 */
export type BrokerEvent = PacketCmd | 'open' | 'malformed' | 'closed';

/** One line of the log of a `ScriptedBroker`. Never a payload, a user name or a password. */
export interface BrokerRecord {
  /** In milliseconds of the broker's clock. */
  readonly at: number;
  readonly direction: 'toBroker' | 'toClient';
  readonly packet: BrokerEvent;
  /** The number of the connection, from 1. */
  readonly connection: number;
  /** Of the connection; known from its CONNECT on. */
  readonly clientId: string | undefined;
  /** Of a PUBLISH. */
  readonly topic?: string;
  readonly qos?: 0 | 1 | 2;
  readonly duplicate?: boolean;
  /** Of a SUBSCRIBE or UNSUBSCRIBE. */
  readonly filters?: readonly string[];
  /** Of every packet that has one. */
  readonly messageId?: number;
  /** The return or reason code of an answer or a DISCONNECT. */
  readonly code?: number;
}

/** What the log says of a packet beside when, where and whose. */
type PacketFacts = Omit<BrokerRecord, 'at' | 'direction' | 'connection' | 'clientId'>;

/** The filters that a packet names. */
export function filtersIn(packet: Packet): readonly string[] {
  if (packet.cmd === 'subscribe') return packet.subscriptions.map(({ topic }) => topic);
  return packet.cmd === 'unsubscribe' ? packet.unsubscriptions : [];
}

export function factsOf(packet: Packet): PacketFacts {
  const { cmd } = packet;
  const messageId = packet.messageId === undefined ? {} : { messageId: packet.messageId };
  switch (cmd) {
    case 'publish':
      return { packet: cmd, ...messageId, topic: packet.topic, qos: packet.qos, duplicate: packet.dup };
    case 'subscribe':
    case 'unsubscribe':
      return { packet: cmd, ...messageId, filters: filtersIn(packet) };
    case 'connack':
      return { packet: cmd, code: packet.reasonCode ?? packet.returnCode ?? 0 };
    case 'puback':
    case 'disconnect':
      return { packet: cmd, ...messageId, code: packet.reasonCode ?? 0 };
    default:
      return { packet: cmd, ...messageId };
  }
}
