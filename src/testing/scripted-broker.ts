import type { TlsOptions } from 'node:tls';
import type { IConnectPacket, Packet } from 'mqtt-packet';
import type { Authentication } from '../adapters/authentication.ts';
import { plainTcp } from '../adapters/plain-tcp.ts';
import { hasMethods, oneOf, qosOf, wholeNumber } from '../client/checks.ts';
import { Changes } from '../protocol/changes.ts';
import { type Clock, systemClock, type Timer } from '../protocol/clock.ts';
import { IotError, invalid, invalidSecret } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import type { QoS } from '../protocol/message.ts';
import { BrokerConnection, type BrokerStreams, type ConnackAnswer } from './broker-connection.ts';
import { BrokerListener } from './broker-listener.ts';
import { type BrokerEvent, type BrokerRecord, factsOf, type PacketOf } from './broker-log.ts';
import { type Answer, answer, type BrokerMatch, type BrokerRule, BrokerScript } from './broker-script.ts';
import { BrokerSessions } from './broker-sessions.ts';
import { LOOPBACK } from './loopback.ts';

/** How a scripted broker listens, and what it does where no rule says otherwise. */
export interface ScriptedBrokerOptions {
  /** Listens with TLS. Default: plain TCP. */
  readonly tls?: TlsOptions;
  /** Any free port by default. */
  readonly port?: number;
  /** `false`: packets for which there is no rule are not answered, so that the test plays them by hand. Default true. */
  readonly automatic?: boolean;
  /** What its own CONNACKs say, all the same or by CONNECT. */
  readonly connack?: ConnackAnswer | ((connect: IConnectPacket) => ConnackAnswer);
  /** Keeps sending possible after the client's FIN. Without TLS only. */
  readonly allowHalfOpen?: boolean;
  /** The time of the log and of delays. Default: the process's own. */
  readonly clock?: Clock;
}

const OPTION_FIELDS = [
  'tls',
  'port',
  'automatic',
  'connack',
  'allowHalfOpen',
  'clock',
] as const satisfies readonly (keyof ScriptedBrokerOptions)[];

/** How a test publishes as somebody else would. */
export interface BrokerPublishOptions {
  /** Default 0. */
  readonly qos?: QoS;
  /** Clients that speak MQTT 5 get them. */
  readonly properties?: PacketOf<'publish'>['properties'];
}

/** A message of a client that the broker has taken. */
export interface TakenMessage {
  readonly clientId: string;
  readonly connection: number;
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** The DUP flag: the client says that it has sent it before. */
  readonly duplicate: boolean;
  readonly properties: PacketOf<'publish'>['properties'];
  /** In milliseconds of the broker's clock. */
  readonly at: number;
}

/** The options of `createIotClient` that say where a broker is and how to sign in to it. Add others by spreading. */
export interface BrokerClientOptions {
  readonly endpoint: string;
  readonly port: number;
  readonly clientId: string;
  readonly auth: Authentication;
}

const NOT_AUTHORIZED = 135;
const EVERYONE = Symbol('everyone');

/**
 * A broker for tests, on the loopback, for MQTT 3.1.1 and 5 as each client asks. Without a script it behaves: it accepts,
 * grants, acknowledges and delivers, and keeps the sessions that clients ask it to keep. With rules it answers packet by
 * packet as the test says; and a test can take a connection in its own hands.
 *
 * What it does not do: it keeps no retained messages, publishes no Wills, answers no QoS 2 (as AWS IoT Core), and sends a
 * client its own messages also when that asked for `noLocal`. No session or message expires.
 *
 * ```ts
 * await using broker = await ScriptedBroker.start();
 * broker.on({ packet: 'publish', topic: 'a', times: 1 }, answer.hang());
 * const client = createIotClient(broker.clientOptions('lamp'));
 * ```
 */
export class ScriptedBroker implements AsyncDisposable {
  /** Every connection so far; with TLS those whose handshake succeeded. */
  readonly connections: BrokerConnection[] = [];
  /** What came and went, in order. Without payloads. */
  readonly log: BrokerRecord[] = [];
  /** The messages of clients that were served or acknowledged, in order. */
  readonly messages: TakenMessage[] = [];
  readonly #options: ScriptedBrokerOptions;
  readonly #clock: Clock;
  readonly #listener: BrokerListener;
  readonly #script = new BrokerScript();
  readonly #sessions: BrokerSessions;
  readonly #changes = new Changes(setImmediate);
  readonly #listeners = new Set<(record: BrokerRecord) => void>();
  readonly #timers = new Map<Timer, Clock>();
  readonly #mostOpen = new Map<string | typeof EVERYONE, number>();
  readonly #failures: unknown[] = [];
  #taken = 0;
  #stopped: Promise<void> | undefined;

  private constructor(options: ScriptedBrokerOptions) {
    checkOptions(options);
    this.#options = options;
    const { port = 0, allowHalfOpen = false, tls, clock = systemClock } = options;
    this.#clock = clock;
    this.#listener = new BrokerListener({ port, allowHalfOpen, tls }, (streams) => this.#accepted(streams));
    this.#sessions = new BrokerSessions((connect) => {
      const { connack = {} } = this.#options;
      return typeof connack === 'function' ? connack(connect) : connack;
    });
  }

  /** Resolves when clients can connect. */
  static async start(options: ScriptedBrokerOptions = {}): Promise<ScriptedBroker> {
    const broker = new ScriptedBroker(options);
    await broker.listen();
    return broker;
  }

  /** The port to dial, on 127.0.0.1. It stays the same. */
  get port(): number {
    return this.#listener.port;
  }

  /** The connections whose other end the clients have not closed. */
  get openConnections(): readonly BrokerConnection[] {
    return this.connections.filter(({ isOpen }) => isOpen);
  }

  /** How many connections were open at the same time, at most: of one client id (from its CONNECT on), or of all. */
  mostOpenConnections(clientId?: string): number {
    return this.#mostOpen.get(clientId ?? EVERYONE) ?? 0;
  }

  /** The filters that a client id has here, and the QoS that was granted. */
  subscriptionsOf(clientId: string): ReadonlyMap<string, QoS> {
    return this.#sessions.subscriptionsOf(clientId);
  }

  /**
   * The options of a client that connects here: `createIotClient(broker.clientOptions('lamp'))`. With TLS the client needs
   * a way to sign in, and usually a `ca`, of its own.
   */
  clientOptions(clientId: string, auth?: Authentication): BrokerClientOptions {
    if (auth === undefined && this.#options.tls !== undefined)
      throw invalid('auth', 'given for a broker with TLS', auth);
    return { endpoint: LOOPBACK, port: this.port, clientId, auth: auth ?? plainTcp() };
  }

  /**
   * Adds a rule: packets that match are answered like this, and not by the broker itself. Of several rules that match, the
   * one that was made first is used.
   */
  on(match: BrokerMatch, ...answers: readonly Answer[]): BrokerRule {
    return this.#script.add(match, answers);
  }

  /** Closes connections that publish to such topics, as AWS IoT Core does when a policy denies it. */
  closeOnPublish(isDenied: (topic: string) => boolean): BrokerRule {
    return this.on({ packet: 'publish', topic: isDenied }, answer.disconnect(NOT_AUTHORIZED));
  }

  /** Closes connections that subscribe to such filters, as AWS IoT Core does when a policy denies it. */
  closeOnSubscribe(isDenied: (filter: string) => boolean): BrokerRule {
    return this.on({ packet: 'subscribe', topic: isDenied }, answer.disconnect(NOT_AUTHORIZED));
  }

  /** The next connection that nobody took yet. */
  async connection(): Promise<BrokerConnection> {
    await this.when(() => this.#taken < this.connections.length);
    return this.connections[this.#taken++] as BrokerConnection;
  }

  /** Resolves once the condition holds, which may look at anything that this broker shows. Rejects when it stops first. */
  when(isTrue: () => boolean): Promise<void> {
    return this.#changes.when(isTrue);
  }

  /** Calls `listener` for each line of the log as it is written; the returned function ends that. */
  onRecord(listener: (record: BrokerRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Publishes as somebody else would. Returns to how many sessions it goes. */
  publish(topic: string, payload: string | Uint8Array, options: BrokerPublishOptions = {}): number {
    checkFields('options', options, ['qos', 'properties']);
    if (typeof payload !== 'string' && !(payload instanceof Uint8Array))
      throw invalid('payload', 'a string or bytes', payload);
    const { qos = 0, properties } = options;
    return this.#sessions.route({
      ...{ topic, payload: Buffer.from(payload as Uint8Array), qos: qosOf('qos', qos), retain: false },
      ...(properties === undefined ? {} : { properties }),
    });
  }

  /** Forgets every session, as a broker that has lost its disk. */
  forgetSessions(): void {
    this.#sessions.forget();
  }

  /** Refuses clients (ECONNREFUSED) until `listen()`; connections stay. */
  stopListening(): void {
    this.#listener.close();
  }

  /** Accepts clients again, on the same port. */
  async listen(): Promise<void> {
    if (this.#stopped !== undefined) throw invalid('broker', 'running', 'one that was stopped');
    await this.#listener.open();
  }

  /** Ends every connection by RST; resolves when all are gone. */
  async dropConnections(): Promise<void> {
    await this.#listener.cut();
  }

  /** Frees everything. Rejects with what a rule of the test threw, if any did. Calling it again is harmless. */
  stop(): Promise<void> {
    this.#stopped ??= this.#free();
    return this.#stopped;
  }

  /** As `stop()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #free(): Promise<void> {
    for (const [timer, clock] of this.#timers) clock.clearTimeout(timer);
    this.#timers.clear();
    this.#listener.close();
    await this.#listener.cut();
    this.#changes.close(new IotError('CLOSED', 'the broker was stopped'));
    if (this.#failures.length > 0) throw this.#failures[0];
  }

  #accepted(streams: BrokerStreams): void {
    const connection = new BrokerConnection(this.connections.length + 1, streams, {
      received: (from, packet) => {
        this.#note(from, 'toBroker', factsOf(packet));
        if (packet.cmd === 'connect') this.#countOpen(from.clientId);
        this.#answer(from, packet);
      },
      sent: (to, packet) => this.#note(to, 'toClient', factsOf(packet)),
      took: (from, packet) => this.#took(from, packet),
      happened: (on, what) => this.#happened(on, what),
    });
    this.connections.push(connection);
    this.#countOpen();
    this.#happened(connection, 'open');
    this.#answer(connection, undefined);
  }

  #answer(connection: BrokerConnection, packet: Packet | undefined): void {
    const serve = (): void => {
      if (packet !== undefined) this.#sessions.serve(connection, packet);
    };
    const answers = this.#script.find(connection, packet);
    if (answers === undefined) {
      if (this.#options.automatic ?? true) serve();
      return;
    }
    const wait = (delayMs: number, clock = this.#clock): Promise<void> => this.#wait(delayMs, clock);
    inOrder(answers, { connection, packet, serve, wait }).catch((error: unknown) =>
      this.#failures.push(error),
    );
  }

  #wait(delayMs: number, clock: Clock): Promise<void> {
    return new Promise((resolve) => {
      const timer = clock.setTimeout(() => {
        this.#timers.delete(timer);
        resolve();
      }, delayMs);
      this.#timers.set(timer, clock);
    });
  }

  #happened(connection: BrokerConnection, packet: BrokerEvent): void {
    if (packet === 'closed') this.#sessions.closed(connection);
    this.#note(connection, 'toBroker', { packet });
  }

  #took(connection: BrokerConnection, packet: PacketOf<'publish'>): void {
    const { topic, payload, qos, retain, dup: duplicate, properties } = packet;
    this.messages.push({
      ...{ clientId: connection.clientId ?? '', connection: connection.number, at: this.#clock.now() },
      ...{ topic, payload: Buffer.from(payload as Buffer), qos, retain, duplicate, properties },
    });
    this.#changes.changed();
  }

  #note(
    { number, clientId }: BrokerConnection,
    direction: BrokerRecord['direction'],
    facts: Pick<BrokerRecord, 'packet'> & Partial<BrokerRecord>,
  ): void {
    const record = { ...facts, at: this.#clock.now(), direction, connection: number, clientId };
    this.log.push(record);
    this.#changes.changed();
    for (const listener of this.#listeners) listener(record);
  }

  #countOpen(clientId?: string): void {
    const open = this.openConnections.filter((one) => clientId === undefined || one.clientId === clientId);
    const key = clientId ?? EVERYONE;
    this.#mostOpen.set(key, Math.max(open.length, this.#mostOpen.get(key) ?? 0));
  }
}

/** @throws IotError `INVALID_ARGUMENT`; what is in `tls` is for Node to check */
function checkOptions(options: ScriptedBrokerOptions): void {
  checkFields('options', options, OPTION_FIELDS);
  const {
    tls,
    port = 0,
    automatic = true,
    connack = {},
    allowHalfOpen = false,
    clock = systemClock,
  } = options;
  if (tls !== undefined && (typeof tls !== 'object' || (tls as unknown) === null))
    throw invalidSecret('tls', 'the options of a TLS server', tls);
  wholeNumber('port', port, 0, 65_535);
  oneOf('automatic', automatic, [true, false]);
  oneOf('allowHalfOpen', allowHalfOpen, [true, false]);
  if (typeof connack !== 'function')
    checkFields('connack', connack, ['code', 'sessionPresent', 'properties']);
  if (!hasMethods(clock, ['now', 'setTimeout', 'clearTimeout']))
    throw invalid('clock', 'an object with now, setTimeout and clearTimeout', clock);
}

/** The first are done at once, until one takes time. */
async function inOrder(answers: readonly Answer[], exchange: Parameters<Answer>[0]): Promise<void> {
  for (const one of answers) {
    const done = one(exchange);
    if (done !== undefined) await done;
  }
}
