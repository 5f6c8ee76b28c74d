import { once } from 'node:events';
import net from 'node:net';

import { wholeNumber } from '../client/checks.ts';
import { invalid } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import { type Disturbance, FaultFlow, undisturbed } from './fault-flow.ts';
import { LOOPBACK, reset } from './loopback.ts';

/** Which way bytes go. */
export type ProxyDirection = 'toBroker' | 'toClient';

/** Which broker it stands before, and where clients dial. */
export interface FaultProxyOptions {
  /** The broker. */
  readonly to: { readonly host: string; readonly port: number };
  /** @default 0, any free one */
  readonly port?: number;
}

/** Two sockets that belong together. */
interface Line {
  readonly sockets: readonly net.Socket[];
  readonly flows: readonly FaultFlow[];
}

const DIRECTIONS: readonly ProxyDirection[] = ['toBroker', 'toClient'];

/**
 * A bad network on the loopback, between clients and any broker. It passes bytes on and looks at none of them, so TLS goes
 * through; a client dials `127.0.0.1` and the port of the proxy instead of the broker's.
 *
 * ```ts
 * const proxy = await FaultProxy.start({ to: { host: '127.0.0.1', port: 8883 } });
 * const client = createIotClient({ ...options, endpoint: '127.0.0.1', port: proxy.port });
 * proxy.freeze();    // half-open: nothing comes through, nobody is told
 * proxy.thaw();
 * await proxy.stop();
 * ```
 */
export class FaultProxy {
  readonly #to: FaultProxyOptions['to'];
  readonly #lines = new Set<Line>();
  readonly #disturbances: Readonly<Record<ProxyDirection, Disturbance>> = {
    toBroker: undisturbed(),
    toClient: undisturbed(),
  };
  #server: net.Server | undefined;
  #port: number;
  #accepted = 0;
  #isBlackHole = false;
  #isStopped = false;

  /** Starts to listen. */
  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    await proxy.#listen();
    return proxy;
  }

  private constructor(options: FaultProxyOptions) {
    checkFields('options', options, ['to', 'port']);
    const { to, port = 0 } = options;
    checkFields('to', to, ['host', 'port']);
    if (typeof to.host !== 'string' || to.host === '') throw invalid('to.host', 'a host name', to.host);
    this.#to = { host: to.host, port: wholeNumber('to.port', to.port, 1, 65_535) };
    this.#port = wholeNumber('port', port, 0, 65_535);
  }

  /** The port to dial, on 127.0.0.1. It stays the same. */
  get port(): number {
    return this.#port;
  }

  /** How many connections of clients are open now, and how many were accepted since the start. */
  get connections(): { readonly open: number; readonly accepted: number } {
    return { open: this.#lines.size, accepted: this.#accepted };
  }

  /** Resets every connection (RST), at both ends and at once: what is under way is lost. */
  cut(): void {
    for (const line of this.#lines) cutLine(line);
  }

  /** Ends every connection (FIN), at both ends: what is under way is lost. */
  end(): void {
    for (const { sockets, flows } of this.#lines) {
      for (const flow of flows) flow.stop();
      for (const socket of sockets) socket.end();
    }
  }

  /**
   * Makes connections half-open, those to come included: nothing passes any more in this direction, not even the end of
   * one. Sockets stay as they are.
   */
  freeze(direction: ProxyDirection | 'both' = 'both'): void {
    for (const each of direction === 'both' ? DIRECTIONS : [direction]) this.#disturb(each, { frozen: true });
  }

  /** Ends {@link freeze}: everything that was under way arrives. */
  thaw(): void {
    for (const direction of DIRECTIONS) this.#disturb(direction, { frozen: false });
  }

  /** Lets each connection carry so much each way; `Infinity` ends it. */
  throttle({ bytesPerSecond }: { readonly bytesPerSecond: number }): void {
    if (!(bytesPerSecond > 0)) throw invalid('bytesPerSecond', 'a number above 0', bytesPerSecond);
    for (const direction of DIRECTIONS) this.#disturb(direction, { bytesPerSecond });
  }

  /** Lets everything arrive so much later, each way. 0 ends it for what is sent from now on. */
  delay(delayMs: number): void {
    if (!(delayMs >= 0)) throw invalid('delayMs', 'a number from 0', delayMs);
    for (const direction of DIRECTIONS) this.#disturb(direction, { delayMs });
  }

  /**
   * Lets so many more bytes pass in this direction, then resets the connection that carried the last of them. Once.
   * Bytes of all connections count.
   */
  cutAfterBytes(bytes: number, direction: ProxyDirection): void {
    if (!(Number.isInteger(bytes) && bytes > 0)) throw invalid('bytes', 'a whole number from 1', bytes);
    this.#disturb(direction, { cutAfterBytes: bytes });
  }

  /** Stops listening: dialling is refused (ECONNREFUSED). The connections that are there stay. */
  refuse(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** From now on accepts connections and never answers: the broker hears nothing of them. Those that are there stay. */
  blackHole(): void {
    this.#isBlackHole = true;
  }

  /** Ends {@link refuse} and {@link blackHole}: listens on the same port again. */
  async accept(): Promise<void> {
    this.#isBlackHole = false;
    if (this.#server === undefined && !this.#isStopped) await this.#listen();
  }

  /** Frees everything. Calling it again is harmless. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.refuse();
    const sockets = [...this.#lines].flatMap((line) => line.sockets).filter(({ closed }) => !closed);
    const allClosed = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    this.cut();
    // A reset waits for the answer to a dial, which may never come.
    for (const socket of sockets) if (socket.connecting) socket.destroy();
    await Promise.all(allClosed);
  }

  /** As `stop()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #listen(): Promise<void> {
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#take(client));
    this.#server = server;
    server.listen({ port: this.#port, host: LOOPBACK, exclusive: true });
    try {
      await once(server, 'listening');
    } catch (error) {
      this.#server = undefined;
      throw error;
    }
    this.#port = (server.address() as net.AddressInfo).port;
  }

  #take(client: net.Socket): void {
    this.#accepted += 1;
    this.#add(this.#isBlackHole ? { sockets: [client.pause()], flows: [] } : this.#dial(client));
  }

  #dial(client: net.Socket): Line {
    const broker = net.connect({ ...this.#to, allowHalfOpen: true, noDelay: true });
    const { toBroker, toClient } = this.#disturbances;
    const cut = (): void => cutLine(line);
    const flows = [
      new FaultFlow(client, broker, toBroker, cut),
      new FaultFlow(broker, client, toClient, cut),
    ];
    const line: Line = { sockets: [client, broker], flows };
    return line;
  }

  #add(line: Line): void {
    this.#lines.add(line);
    for (const socket of line.sockets) {
      socket.on('error', () => {});
      socket.on('close', () => {
        if (line.sockets.every(({ destroyed }) => destroyed)) this.#lines.delete(line);
      });
    }
    for (const flow of line.flows) flow.pump();
  }

  #disturb(direction: ProxyDirection, change: Partial<Disturbance>): void {
    Object.assign(this.#disturbances[direction], change);
    for (const { flows } of this.#lines) flows[DIRECTIONS.indexOf(direction)]?.pump();
  }
}

function cutLine({ sockets, flows }: Line): void {
  for (const flow of flows) flow.stop();
  for (const socket of sockets) reset(socket);
}
