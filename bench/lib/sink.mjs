// A broker that does as little as a broker can, in a process of its own: it answers CONNECT, SUBSCRIBE, UNSUBSCRIBE,
// PINGREQ and QoS 1 PUBLISH by bytes, throws messages away, and floods a client when it is asked to.
// No MQTT library: its cost must not depend on what is measured.
import net from 'node:net';
import { serve } from './child.mjs';

const CONNACK = { 4: Buffer.from([0x20, 2, 0, 0]), 5: Buffer.from([0x20, 3, 0, 0, 0]) };
const PINGRESP = Buffer.from([0xd0, 0]);
const HIGHEST_PACKET_ID = 65_535;
const FLOOD_CHUNK = 256;

/** Sockets by client id. */
const clients = new Map();

const server = net.createServer((socket) => {
  const peer = { socket, version: 4, left: undefined };
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => take(peer, chunk));
});

/** Splits what came into packets, and answers them all with one write. */
function take(peer, chunk) {
  const bytes = peer.left === undefined ? chunk : Buffer.concat([peer.left, chunk]);
  const answers = [];
  let start = 0;
  for (let end = endOf(bytes, start); end !== -1; end = endOf(bytes, start)) {
    answer(peer, bytes, start, end, answers);
    start = end;
  }
  peer.left = start === bytes.length ? undefined : bytes.subarray(start);
  if (answers.length > 0) peer.socket.write(answers.length === 1 ? answers[0] : Buffer.concat(answers));
}

/** Where the packet that begins at `start` ends; -1 while it is not whole. */
function endOf(bytes, start) {
  let length = 0;
  for (let i = start + 1, shift = 0; i < bytes.length; i++, shift += 7) {
    length += (bytes[i] & 0x7f) << shift;
    if (bytes[i] < 0x80) return i + 1 + length <= bytes.length ? i + 1 + length : -1;
  }
  return -1;
}

function bodyOf(bytes, start) {
  let i = start + 1;
  while (bytes[i] >= 0x80) i++;
  return i + 1;
}

function answer(peer, bytes, start, end, answers) {
  const body = bodyOf(bytes, start);
  switch (bytes[start] >> 4) {
    case 1:
      connect(peer, bytes.subarray(body, end));
      answers.push(CONNACK[peer.version]);
      return;
    case 3: {
      if ((bytes[start] & 6) === 0) return;
      const id = body + 2 + bytes.readUInt16BE(body);
      answers.push(Buffer.from([0x40, 2, bytes[id], bytes[id + 1]]));
      return;
    }
    case 8:
      answers.push(granted(0x90, peer.version, bytes.subarray(body, end), 1));
      return;
    case 10:
      // MQTT 3.1.1 answers an UNSUBSCRIBE without codes.
      answers.push(
        peer.version === 5
          ? granted(0xb0, 5, bytes.subarray(body, end), 0)
          : Buffer.from([0xb0, 2, bytes[body], bytes[body + 1]]),
      );
      return;
    case 12:
      answers.push(PINGRESP);
      return;
    case 14:
      peer.socket.end();
      return;
    default:
  }
}

function connect(peer, body) {
  const nameLength = body.readUInt16BE(0);
  peer.version = body[2 + nameLength] === 5 ? 5 : 4;
  // Protocol name, version, flags, keep-alive, and in MQTT 5 the properties (shorter than 128 bytes here).
  const start = 2 + nameLength + 4;
  const at = peer.version === 5 ? start + 1 + body[start] : start;
  const id = body.toString('utf8', at + 2, at + 2 + body.readUInt16BE(at));
  clients.set(id, peer.socket);
  peer.socket.on('close', () => {
    if (clients.get(id) === peer.socket) clients.delete(id);
  });
}

/** SUBACK or UNSUBACK: every filter is granted at QoS 1. `tail` is the number of bytes behind each filter. */
function granted(type, version, body, tail) {
  let filters = 0;
  for (let i = version === 5 ? 3 + body[2] : 2; i < body.length; filters++)
    i += 2 + body.readUInt16BE(i) + tail;
  const properties = version === 5 ? [0] : [];
  const codes = new Array(filters).fill(type === 0x90 ? 1 : 0);
  const rest = [body[0], body[1], ...properties, ...codes];
  return Buffer.from([type, rest.length, ...rest]);
}

function publish(topic, payload, qos, id) {
  const name = Buffer.from(topic);
  const length = 2 + name.length + (qos > 0 ? 2 : 0) + payload.length;
  const size = length < 128 ? [length] : [(length & 0x7f) | 0x80, length >> 7];
  const head = Buffer.from([0x30 | (qos << 1), ...size, name.length >> 8, name.length & 0xff]);
  const packetId = qos > 0 ? Buffer.from([id >> 8, id & 0xff]) : Buffer.alloc(0);
  return Buffer.concat([head, name, packetId, payload]);
}

/** Sends `count` PUBLISHes to one client, over all topics in turn, as fast as its socket takes them. */
async function flood({ clientId, count, qos, payloadBytes, topics }) {
  const socket = clients.get(clientId);
  const payload = Buffer.alloc(payloadBytes, 'x');
  let id = 0;
  for (let sent = 0; sent < count; ) {
    const packets = [];
    for (; packets.length < FLOOD_CHUNK && sent < count; sent++) {
      id = (id % HIGHEST_PACKET_ID) + 1;
      packets.push(publish(topics[sent % topics.length], payload, qos, id));
    }
    if (!socket.write(Buffer.concat(packets))) await new Promise((resolve) => socket.once('drain', resolve));
  }
}

server.listen(0, '127.0.0.1', () => serve({ flood }, { port: server.address().port }));
