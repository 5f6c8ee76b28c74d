// MQTT over WebSocket in front of a broker: it behaves, or for one upgrade it answers with whatever bytes a case has.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import https from 'node:https';
import net from 'node:net';
import { generate } from 'selfsigned';
import { createWebSocketStream, WebSocketServer } from 'ws';

const LOOPBACK = '127.0.0.1';
const DAY_MS = 86_400_000;
/** RFC 6455, 1.3. */
const WEB_SOCKET_ID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** A certificate for the loopback that is its own authority. */
export function makePair() {
  return generate([{ name: 'commonName', value: 'localhost' }], {
    algorithm: 'sha256',
    keyType: 'ec',
    notBeforeDate: new Date(Date.now() - DAY_MS),
    notAfterDate: new Date(Date.now() + DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: LOOPBACK },
        ],
      },
    ],
  });
}

export class WebSocketDoor {
  /** Where upgrades lead. */
  brokerPort = 0;
  /** For the next upgrade only: what is sent instead of an answer, or behind a right one. @type {{ way: 'upgrade' | 'frames', send: (socket: import('node:stream').Duplex) => void } | undefined} */
  hostile;
  /** @type {Set<net.Socket>} */
  #open = new Set();
  #server;
  #webSockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'mqtt' });

  /** @param {{ cert: string, private: string }} pair */
  constructor(pair) {
    this.ca = pair.cert;
    this.#server = https.createServer({ cert: pair.cert, key: pair.private });
    this.#server.on('connection', (socket) => {
      this.#open.add(socket);
      socket.on('error', () => {}).once('close', () => this.#open.delete(socket));
    });
    this.#server.on('tlsClientError', () => {});
    this.#server.on('upgrade', (request, socket, head) => this.#upgraded(request, socket, head));
  }

  static async open() {
    const door = new WebSocketDoor(await makePair());
    door.#server.listen(0, LOOPBACK);
    await once(door.#server, 'listening');
    return door;
  }

  get port() {
    return /** @type {net.AddressInfo} */ (this.#server.address()).port;
  }

  /** Ends every connection. */
  cut() {
    for (const socket of this.#open) socket.destroy();
  }

  async close() {
    this.#webSockets.close();
    this.#server.close();
    this.cut();
    await once(this.#server, 'close');
  }

  /** @param {import('node:http').IncomingMessage} request @param {import('node:stream').Duplex} socket @param {Buffer} head */
  #upgraded(request, socket, head) {
    socket.on('error', () => {});
    const { hostile } = this;
    this.hostile = undefined;
    if (hostile === undefined) {
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => this.#passOn(webSocket));
      return;
    }
    if (hostile.way === 'frames') socket.write(acceptance(String(request.headers['sec-websocket-key'])));
    hostile.send(socket);
  }

  /** @param {import('ws').WebSocket} webSocket */
  #passOn(webSocket) {
    webSocket.on('error', () => {});
    const near = createWebSocketStream(webSocket);
    const far = net.connect(this.brokerPort, LOOPBACK);
    near.on('error', () => far.destroy()).on('close', () => far.destroy());
    far.on('error', () => near.destroy()).on('close', () => near.destroy());
    near.pipe(far).pipe(near);
  }
}

/** @param {string} key */
function acceptance(key) {
  const accepted = createHash('sha1')
    .update(key + WEB_SOCKET_ID)
    .digest('base64');
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
  return [...lines, `Sec-WebSocket-Accept: ${accepted}`, 'Sec-WebSocket-Protocol: mqtt', '', ''].join('\r\n');
}
