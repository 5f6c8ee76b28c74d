import type { Packet } from 'mqtt-packet';
import { type Breach, malformed } from './breach.ts';
import { textBytes } from './bytes.ts';

const ID_BYTES = 2;

/**
 * What is wrong with the packet id, if something is: it is 0 (MQTT-2.2.1-2), or cut off. mqtt-packet reads on into the next
 * packet, or makes it -1, and mqtt.js throws when it has to answer to that.
 */
export function wrongPacketId(packet: Packet): Breach | undefined {
  if (!hasPacketId(packet)) return undefined;
  const { messageId = 0, length = 0 } = packet;
  return messageId > 0 && length >= leastLength(packet)
    ? undefined
    : malformed(`${packet.cmd} without a packet id`);
}

function hasPacketId(packet: Packet): boolean {
  switch (packet.cmd) {
    case 'publish':
      return packet.qos > 0;
    case 'puback':
    case 'pubrel':
    case 'suback':
    case 'unsuback':
      return true;
    default:
      return false;
  }
}

/** Counted for a PUBLISH without payload only: in front of a payload there was room for the id. */
function leastLength(packet: Packet): number {
  if (packet.cmd !== 'publish' || packet.payload.length > 0) return ID_BYTES;
  return 2 + textBytes(packet.topic) + ID_BYTES;
}
