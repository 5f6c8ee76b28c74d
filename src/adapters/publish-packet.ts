import type { OutgoingMessage } from '../protocol/message.ts';

const PUBLISH = 0x30;
const RETAIN = 0x01;

/**
 * One PUBLISH in one buffer (MQTT 3.3). mqtt-packet writes each field of it to the stream apart; six small writes a
 * message were most of what a publish cost.
 *
 * @param packetId absent for QoS 0.
 */
export function publishPacket(message: OutgoingMessage, protocolVersion: 4 | 5, packetId?: number): Buffer {
  const { topic, payload, qos, retain } = message;
  const topicBytes = Buffer.byteLength(topic);
  const idBytes = packetId === undefined ? 0 : 2;
  const propertiesBytes = protocolVersion === 5 ? 1 : 0;
  const length = 2 + topicBytes + idBytes + propertiesBytes + Buffer.byteLength(payload);
  const packet = Buffer.allocUnsafe(1 + lengthBytes(length) + length);
  packet[0] = PUBLISH | (qos << 1) | (retain ? RETAIN : 0);
  let at = writeLength(packet, 1, length);
  at = packet.writeUInt16BE(topicBytes, at);
  at += packet.write(topic, at);
  if (packetId !== undefined) at = packet.writeUInt16BE(packetId, at);
  // No properties.
  if (protocolVersion === 5) packet[at++] = 0;
  if (typeof payload === 'string') packet.write(payload, at);
  else packet.set(payload, at);
  return packet;
}

/** How many bytes the remaining length takes (2.2.3): seven bits in each. */
function lengthBytes(length: number): number {
  if (length < 128) return 1;
  if (length < 16_384) return 2;
  return length < 2_097_152 ? 3 : 4;
}

function writeLength(packet: Buffer, start: number, length: number): number {
  let at = start;
  let rest = length;
  for (; rest > 0x7f; rest >>>= 7) packet[at++] = (rest & 0x7f) | 0x80;
  packet[at++] = rest;
  return at;
}
