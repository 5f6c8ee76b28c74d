import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

/** What is done with a client that dials. */
type Reception = 'tls' | 'alert' | 'hang';

/** A fatal alert in the clear, as a server may answer ClientHello: record 21, TLS 1.2, level 2, then its number. */
const alertRecord = (description: number): Buffer => Buffer.from([21, 3, 3, 0, 2, 2, description]);

/** TLS before the plain port of a broker. What it shows and whom it lets in can be changed, and its port stays. */
export class TlsFront implements AsyncDisposable {
  /** The names in the certificates of the clients that were let in, in order. */
  readonly guests: string[] = [];
  readonly #sockets = new Set<net.Socket>();
  readonly #server: net.Server;
  readonly #tls: tls.Server;
  #reception: Reception = 'tls';
  #alert = 0;

  static async start(brokerPort: number, options: tls.TlsOptions): Promise<TlsFront> {
    const front = new TlsFront(brokerPort, options);
    front.#server.listen(0, '127.0.0.1');
    await once(front.#server, 'listening');
    return front;
  }

  private constructor(brokerPort: number, options: tls.TlsOptions) {
    this.#tls = tls.createServer(options, (stream) => {
      this.guests.push(String(stream.getPeerCertificate().subject.CN));
      const broker = this.#kept(net.connect(brokerPort, '127.0.0.1'));
      stream.on('error', () => broker.destroy());
      stream.on('close', () => broker.destroy());
      broker.on('close', () => stream.destroy());
      stream.pipe(broker).pipe(stream);
    });
    this.#tls.on('tlsClientError', (_error, stream) => stream.destroy());
    this.#server = net.createServer((socket) => this.#receive(this.#kept(socket)));
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** Shows this certificate to whoever dials from now on, and trusts these authorities. */
  show(options: tls.SecureContextOptions): void {
    this.#reception = 'tls';
    this.#tls.setSecureContext(options);
  }

  /** Answers every handshake with this alert (RFC 8446, section 6). */
  refuse(alert: number): void {
    this.#reception = 'alert';
    this.#alert = alert;
  }

  /** Takes connections and says nothing. */
  hang(): void {
    this.#reception = 'hang';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    const gone = [...this.#sockets].map((socket) => once(socket, 'close'));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(gone);
  }

  #receive(socket: net.Socket): void {
    if (this.#reception === 'tls') this.#tls.emit('connection', socket);
    else if (this.#reception === 'alert') socket.once('data', () => socket.end(alertRecord(this.#alert)));
    else socket.resume();
  }

  #kept(socket: net.Socket): net.Socket {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  }
}
