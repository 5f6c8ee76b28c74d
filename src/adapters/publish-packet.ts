import type { OutgoingMessage } from '../protocol/message.ts';
import { encodeProperties } from './publish-properties.ts';
import { lengthBytes, writeLength } from './variable-byte-integer.ts';

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
  const properties =
    message.properties === undefined || protocolVersion === 4
      ? undefined
      : encodeProperties(message.properties);
  const propertiesBytes = protocolVersion === 5 ? (properties?.byteLength ?? 1) : 0;
  const length = 2 + topicBytes + idBytes + propertiesBytes + Buffer.byteLength(payload);
  const packet = Buffer.allocUnsafe(1 + lengthBytes(length) + length);
  packet[0] = PUBLISH | (qos << 1) | (retain ? RETAIN : 0);
  let at = writeLength(packet, 1, length);
  at = packet.writeUInt16BE(topicBytes, at);
  at += packet.write(topic, at);
  if (packetId !== undefined) at = packet.writeUInt16BE(packetId, at);
  if (properties !== undefined) packet.set(properties, at);
  // No properties.
  else if (protocolVersion === 5) packet[at] = 0;
  at += propertiesBytes;
  if (typeof payload === 'string') packet.write(payload, at);
  else packet.set(payload, at);
  return packet;
}
