import { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { IotError } from '../protocol/errors.ts';
import { at, type Peer } from '../protocol/failure-place.ts';

/** RFC 6455, 7.4.1: done; and data of a kind that is not taken. */
const NORMAL = 1000;
const UNSUPPORTED_DATA = 1003;

type Callback = (error?: Error | null) => void;

/**
 * The MQTT bytes of a WebSocket, each frame as it comes. It ends when the other side says so by a close frame or by FIN, and
 * fails as the socket below it fails, so that a line can tell FIN from RST; `ws` alone hides that.
 */
export class WsStream extends Duplex {
  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;
  #isEnded = false;

  constructor(webSocket: WebSocket, socket: Duplex, peer: Peer) {
    super();
    // It may fail before anybody listens, and an error without a listener ends the process.
    this.on('error', ignore);
    this.#webSocket = webSocket;
    this.#socket = socket;
    socket.on('error', (error) => this.destroy(error)).on('end', () => this.#end());
    webSocket
      .on('error', (error) => this.destroy(brokenFraming(error.message, peer)))
      .on('close', () => this.#end())
      .on('message', (bytes: Buffer, isBinary) => {
        if (this.#isEnded || this.destroyed) return;
        if (isBinary) {
          if (!this.push(bytes)) webSocket.pause();
          return;
        }
        webSocket.close(UNSUPPORTED_DATA);
        this.destroy(brokenFraming('a text frame, where only binary ones may be', peer));
      });
  }

  override _read(): void {
    this.#webSocket.resume();
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: Callback): void {
    this.#send(bytes, done);
  }

  override _writev(pieces: { readonly chunk: Buffer }[], done: Callback): void {
    this.#socket.cork();
    for (const [index, { chunk }] of pieces.entries())
      this.#send(chunk, index === pieces.length - 1 ? done : ignore);
    this.#socket.uncork();
  }

  override _final(done: Callback): void {
    this.#webSocket.close(NORMAL);
    done();
  }

  override _destroy(error: Error | null, done: Callback): void {
    // A close frame that says what the other side did wrong has just been written; whether it arrives, nobody waits for.
    this.#socket.destroy();
    done(error);
  }

  #send(bytes: Buffer, done: Callback): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) {
      this.#webSocket.send(bytes, { binary: true }, (error) => done(error));
      return;
    }
    // The other side has said that it closes, and reads nothing more.
    this.#end();
  }

  #end(): void {
    if (this.#isEnded || this.destroyed) return;
    this.#isEnded = true;
    this.push(null);
  }
}

const ignore = (): void => {};

const brokenFraming = (what: string, peer: Peer): IotError =>
  new IotError('PROTOCOL_ERROR', `${at(peer)} broke the WebSocket protocol: ${what}`);
