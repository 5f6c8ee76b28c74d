import { type Packet, type PacketCmd, parser } from 'mqtt-packet';

import type { Frame } from './framer.ts';

/** Which way a packet goes. */
export type Direction = 'toBroker' | 'toClient';

/** What kind of packet; `malformed` for bytes that are none, `end` for the end of the stream itself. */
export type PacketKind = PacketCmd | 'malformed' | 'end';

/** A packet as the tap sees it. Plain data, without payload and without password: safe to keep and to print. */
export interface TappedPacket {
  readonly direction: Direction;
  readonly packet: PacketKind;
  /** Numbers the connections of one core, from 1. */
  readonly connection: number;
  /** Known from CONNECT on. */
  readonly clientId: string | undefined;
  /** The length of the whole packet. */
  readonly bytes: number;
  /** PUBLISH. */
  readonly topic?: string;
  /** PUBLISH: the length of the payload alone. */
  readonly payloadBytes?: number;
  readonly qos?: number;
  readonly retain?: boolean;
  readonly duplicate?: boolean;
  /** Every packet that has one. */
  readonly messageId?: number;
  /** SUBSCRIBE and UNSUBSCRIBE. */
  readonly filters?: readonly string[];
  /** SUBSCRIBE: the QoS asked for; SUBACK: the answers. One a filter. */
  readonly codes?: readonly number[];
  /** CONNECT. */
  readonly protocolVersion?: number;
  /** CONNECT: the clean session flag. */
  readonly clean?: boolean;
  /** CONNECT. */
  readonly keepAliveSeconds?: number;
  /** CONNACK. */
  readonly returnCode?: number;
  /** CONNACK. */
  readonly sessionPresent?: boolean;
}

/** The facts about a frame that do not depend on where it was seen. */
export type PacketFacts = Omit<TappedPacket, 'direction' | 'connection' | 'clientId'> & {
  /** CONNECT. */
  readonly connectAs?: string;
  readonly will?: { readonly topic: string; readonly qos: number };
};

const KINDS: readonly PacketKind[] = [
  'malformed',
  'connect',
  'connack',
  'publish',
  'puback',
  'pubrec',
  'pubrel',
  'pubcomp',
  'subscribe',
  'suback',
  'unsubscribe',
  'unsuback',
  'pingreq',
  'pingresp',
  'disconnect',
  'auth',
];

/** The end of a stream, so that what holds packets back can hold it back too. */
export const END: PacketFacts = { packet: 'end', bytes: 0 };

/**
 * Looks at a frame. The packets of the fast path (PUBLISH and acknowledgements) are read in place, the rare ones by
 * mqtt-packet; none is ever written again.
 */
export function readFrame(frame: Frame, protocolVersion: number): PacketFacts {
  const { bytes, bodyAt } = frame;
  const first = bytes[0] ?? 0;
  const kind = frame.fault === undefined ? (KINDS[first >> 4] ?? 'malformed') : 'malformed';
  const plain = { packet: kind, bytes: bytes.length };
  switch (kind) {
    case 'publish':
      return readPublish(bytes, bodyAt, first) ?? { ...plain, packet: 'malformed' };
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
    case 'unsuback':
      return bytes.length < bodyAt + 2 ? plain : { ...plain, messageId: bytes.readUInt16BE(bodyAt) };
    case 'connect':
    case 'connack':
    case 'subscribe':
    case 'suback':
    case 'unsubscribe':
      return readRare(bytes, kind, protocolVersion);
    default:
      return plain;
  }
}

function readPublish(bytes: Buffer, bodyAt: number, first: number): PacketFacts | undefined {
  if (bytes.length < bodyAt + 2) return undefined;
  const topicEnd = bodyAt + 2 + bytes.readUInt16BE(bodyAt);
  const qos = (first >> 1) & 3;
  const payloadAt = topicEnd + (qos === 0 ? 0 : 2);
  if (bytes.length < payloadAt) return undefined;
  return {
    packet: 'publish',
    bytes: bytes.length,
    topic: bytes.toString('utf8', bodyAt + 2, topicEnd),
    payloadBytes: bytes.length - payloadAt,
    qos,
    retain: (first & 1) === 1,
    duplicate: (first & 8) === 8,
    ...(qos === 0 ? {} : { messageId: bytes.readUInt16BE(topicEnd) }),
  };
}

function readRare(bytes: Buffer, kind: PacketKind, protocolVersion: number): PacketFacts {
  const packet = parse(bytes, protocolVersion);
  const plain = { packet: kind, bytes: bytes.length };
  switch (packet?.cmd) {
    case 'connect':
      return {
        ...plain,
        connectAs: packet.clientId,
        protocolVersion: packet.protocolVersion ?? 4,
        clean: packet.clean ?? true,
        keepAliveSeconds: packet.keepalive ?? 0,
        ...(packet.will === undefined
          ? {}
          : { will: { topic: packet.will.topic, qos: packet.will.qos ?? 0 } }),
      };
    case 'connack':
      return {
        ...plain,
        returnCode: packet.returnCode ?? packet.reasonCode ?? 0,
        sessionPresent: packet.sessionPresent,
      };
    case 'subscribe':
      return {
        ...plain,
        messageId: packet.messageId ?? 0,
        filters: packet.subscriptions.map(({ topic }) => topic),
        codes: packet.subscriptions.map(({ qos }) => qos),
      };
    case 'suback':
      return { ...plain, messageId: packet.messageId ?? 0, codes: packet.granted as number[] };
    case 'unsubscribe':
      return { ...plain, messageId: packet.messageId ?? 0, filters: packet.unsubscriptions };
    default:
      return { ...plain, packet: 'malformed' };
  }
}

/** The packet in full, payload and password included; undefined when it is not valid. */
export function parse(bytes: Buffer, protocolVersion: number): Packet | undefined {
  let packet: Packet | undefined;
  const reader = parser({ protocolVersion });
  reader.on('packet', (parsed) => {
    packet = parsed;
  });
  reader.on('error', () => {
    packet = undefined;
  });
  reader.parse(bytes);
  return packet;
}

/** A CONNACK that refuses: return code 1-5 (or what AWS sends, 7) for MQTT 3.1.1, a reason code for MQTT 5. */
export function refusal(returnCode: number, protocolVersion: number): Buffer {
  return Buffer.from(protocolVersion === 5 ? [0x20, 3, 0, returnCode, 0] : [0x20, 2, 0, returnCode]);
}

/** A SUBACK that refuses every filter of a SUBSCRIBE. */
export function refusedSuback(messageId: number, filters: number): Buffer {
  const codes = new Array<number>(filters).fill(0x80);
  return Buffer.from([0x90, 2 + filters, messageId >> 8, messageId & 0xff, ...codes]);
}
