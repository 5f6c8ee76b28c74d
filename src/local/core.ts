import type { Socket } from 'node:net';

import type { Authentication } from '../adapters/authentication.ts';
import { plainTcp } from '../adapters/plain-tcp.ts';
import { Changes } from '../protocol/changes.ts';
import { systemClock, type Timer } from '../protocol/clock.ts';
import { IotError, invalid } from '../protocol/errors.ts';
import type { QoS } from '../protocol/message.ts';
import { type Broker, type ConnectedClient, type ReceivedMessage, startBroker } from './broker.ts';
import { type CertificateAuthority, createCertificateAuthority } from './certificates.ts';
import { type Accepted, Connection } from './connection.ts';
import { DeviceAuthentication } from './device-authentication.ts';
import { Faults, type FaultTarget } from './faults.ts';
import { Gate } from './gate.ts';
import { type LocalIotCoreLimits, limitsFrom } from './limits.ts';
import { Listener, type ListenerPorts } from './listener.ts';
import { type AuthorizeRequest, type LocalIotCoreWarning, Policy } from './policy.ts';
import { Tap } from './tap.ts';

export interface LocalIotCoreOptions {
  /** The port for mutual TLS. @default 0, any free one */
  readonly port?: number;
  /** Opens a port for MQTT without TLS too; 0 takes any free one. @default none */
  readonly plainPort?: number;
  /** AWS IoT Core's limits, some of them changed. */
  readonly limits?: Partial<LocalIotCoreLimits>;
  /** Stands for the IoT policy: false denies. @default everything is allowed */
  readonly authorize?: (request: AuthorizeRequest) => boolean;
  /** Told what this core refused or cannot do, so that nobody has to guess. @default process.emitWarning */
  readonly onWarning?: (warning: LocalIotCoreWarning) => void;
}

/** What a device needs to connect with mutual TLS. Certificate, key and CA are PEM. */
export interface DeviceCredentials {
  readonly endpoint: string;
  readonly port: number;
  readonly clientId: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** The options of `createIotClient` that say where this core is and how to sign in to it. Add others by spreading. */
export interface LocalClientOptions {
  readonly endpoint: string;
  readonly port: number;
  readonly clientId: string;
  readonly ca?: string;
  readonly auth: Authentication;
}

/** An open TCP socket. Its client id is known once CONNECT was seen. */
export interface OpenConnection {
  readonly clientId: string | undefined;
  readonly remotePort: number;
}

const ENDPOINT = 'localhost';
const OPTIONS = ['port', 'plainPort', 'limits', 'authorize', 'onWarning'];
const ALPN = ['x-amzn-mqtt-ca'];
/** Room beside the payload for the rest of a PUBLISH: header, topic, packet id. */
const PACKET_OVERHEAD = 64 * 1024;

/**
 * Starts a local AWS IoT Core on the loopback: an MQTT broker with mutual TLS that keeps AWS's rules, shows every
 * packet, and fails on demand. For development, tests and demos.
 */
export async function startLocalIotCore(options: LocalIotCoreOptions = {}): Promise<LocalIotCore> {
  validate(options);
  const limits = limitsFrom(options.limits ?? {});
  const warn = options.onWarning ?? emitWarning;
  const changes = new Changes(setImmediate);
  // The broker last: only it has something to free when the rest cannot be had.
  const authority = await createCertificateAuthority();
  const broker: Broker = await startBroker({
    limits,
    changed: () => changes.changed(),
    grants: (connection, filter) => policy.grants(connection, filter),
    warn: (message) => warn({ code: 'REFUSED', clientId: undefined, message }),
  });
  const policy: Policy = new Policy({
    limits,
    warn,
    authorize: options.authorize ?? (() => true),
    subscriptionsOf: (connection) => broker.filtersOf(connection),
  });
  const core = new LocalIotCore(options, { broker, authority, policy, limits, changes });
  try {
    await core.faults.listen();
  } catch (error) {
    await core.stop();
    throw error;
  }
  return core;
}

interface Parts {
  readonly broker: Broker;
  readonly authority: CertificateAuthority;
  readonly policy: Policy;
  readonly limits: LocalIotCoreLimits;
  readonly changes: Changes;
}

/** A running local AWS IoT Core. */
export class LocalIotCore {
  /** The host name to connect to, as the server's certificate says it. */
  readonly endpoint = ENDPOINT;
  /** The certificate to trust, PEM. */
  readonly ca: string;
  /** Sees and holds every packet. */
  readonly tap: Tap;
  /** Makes the core misbehave. */
  readonly faults: Faults;

  readonly #parts: Parts;
  readonly #gate = new Gate();
  readonly #secure: Listener;
  readonly #plain: Listener | undefined;
  /** Every open socket, and what it became once MQTT could begin. */
  readonly #sockets = new Map<Socket, Connection | undefined>();
  readonly #connections = new Set<Connection>();
  #connectionCount = 0;
  #listening = false;
  #restartTimer: { readonly timer: Timer; readonly wake: () => void } | undefined;
  #stopped: Promise<void> | undefined;

  /** @internal */
  constructor(options: LocalIotCoreOptions, parts: Parts) {
    this.#parts = parts;
    this.ca = parts.authority.ca;
    this.tap = new Tap(this.#gate, parts.changes);
    this.faults = new Faults({
      gate: this.#gate,
      cut: (target) => this.#cut(target),
      stopListening: () => this.#stopListening(),
      listen: () => this.#listen(),
    });
    const ports: ListenerPorts = {
      opened: (socket) => this.#opened(socket),
      accepted: (accepted) => this.#accepted(accepted),
    };
    this.#secure = new Listener(options.port ?? 0, ports, {
      ...parts.authority.server,
      ca: parts.authority.ca,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ALPN,
    });
    this.#plain = options.plainPort === undefined ? undefined : new Listener(options.plainPort, ports);
  }

  /** The port for mutual TLS. */
  get port(): number {
    return this.#secure.port;
  }

  /** The port without TLS, when one was asked for. */
  get plainPort(): number | undefined {
    return this.#plain?.port;
  }

  /** The clients as the broker knows them now. */
  get clients(): readonly ConnectedClient[] {
    return this.#parts.broker.clients;
  }

  /** The TCP sockets that are open now. */
  get connections(): readonly OpenConnection[] {
    return [...this.#sockets]
      .filter(([socket]) => !socket.destroyed)
      .map(([socket, connection]) => ({
        clientId: connection?.clientId,
        remotePort: socket.remotePort ?? 0,
      }));
  }

  /**
   * The newest messages that clients published and the broker accepted, oldest first; at least 10,000 are kept, or as
   * many as have 64 MiB of payload together.
   */
  get received(): readonly ReceivedMessage[] {
    return this.#parts.broker.received.entries;
  }

  /**
   * Resolves once `isTrue` holds, which may look at anything that this core shows: `core.when(() => core.clients.length
   * === 0)`. Rejects when the core stops first.
   */
  when(isTrue: () => boolean): Promise<void> {
    return this.#parts.changes.when(isTrue);
  }

  /** A certificate of this core's CA and all else that a device needs. The same client id gets the same certificate. */
  async deviceCredentials(clientId: string): Promise<DeviceCredentials> {
    const { cert, key } = await this.#parts.authority.device(clientId);
    return { endpoint: ENDPOINT, port: this.port, clientId, ca: this.ca, cert, key };
  }

  /** The options of a client that signs in with a certificate of its own: `createIotClient(core.deviceOptions('lamp'))`. */
  deviceOptions(clientId: string): LocalClientOptions {
    const auth = new DeviceAuthentication(() => this.#parts.authority.device(clientId));
    return { endpoint: ENDPOINT, port: this.port, clientId, ca: this.ca, auth };
  }

  /** The options of a client that connects without TLS. Only with the option `plainPort`. */
  plainOptions(clientId: string): LocalClientOptions {
    if (this.plainPort === undefined) throw invalid('plainPort', 'given to startLocalIotCore', undefined);
    return { endpoint: ENDPOINT, port: this.plainPort, clientId, auth: plainTcp() };
  }

  /** Publishes as the cloud would. Resolves when the message is written to every subscriber that is there. */
  async publish(
    topic: string,
    payload: string | Uint8Array,
    { qos = 0, retain = false }: { readonly qos?: QoS; readonly retain?: boolean } = {},
  ): Promise<void> {
    if (this.#isStopped()) throw stopped();
    await this.#parts.broker.publish(topic, payload, qos, retain);
  }

  /**
   * Goes down and comes back on the same ports. Connections are reset; persistent sessions, retained messages and
   * faults are kept.
   */
  async restart({ downMs = 0 }: { readonly downMs?: number } = {}): Promise<void> {
    if (this.#isStopped()) throw stopped();
    this.#stopListening();
    await this.#cut();
    await this.#pause(downMs);
    if (!this.#isStopped()) await this.#listen();
  }

  /** Frees everything. Calling it again is harmless. */
  stop(): Promise<void> {
    this.#stopped ??= this.#free();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #isStopped(): boolean {
    return this.#stopped !== undefined;
  }

  async #listen(): Promise<void> {
    if (this.#isStopped()) throw stopped();
    if (this.#listening) return;
    this.#listening = true;
    try {
      await this.#secure.open();
      await this.#plain?.open();
    } catch (error) {
      this.#stopListening();
      throw error;
    }
    // Told to stop while the ports were being opened.
    if (!(this.#listening as boolean)) this.#stopListening();
  }

  #stopListening(): void {
    this.#listening = false;
    this.#secure.close();
    this.#plain?.close();
  }

  #opened(socket: Socket): void {
    this.#sockets.set(socket, undefined);
    this.#parts.changes.changed();
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#parts.changes.changed();
    });
  }

  #accepted(accepted: Accepted): void {
    this.#connectionCount += 1;
    const { limits, policy, broker, changes } = this.#parts;
    const connection = new Connection(
      this.#connectionCount,
      accepted,
      limits.payloadBytes + PACKET_OVERHEAD,
      {
        gate: this.#gate,
        admit: (from, facts) => policy.judge(from, facts),
        record: (record) => this.tap.record(record),
        identified: () => changes.changed(),
        gone: (gone) => this.#connections.delete(gone),
      },
    );
    this.#connections.add(connection);
    this.#sockets.set(accepted.socket, connection);
    broker.handle(connection);
  }

  async #cut({ clientId }: FaultTarget = {}): Promise<void> {
    const doomed = [...this.#connections].filter(
      (connection) => clientId === undefined || connection.clientId === clientId,
    );
    const ended = this.#parts.broker.ended(doomed);
    for (const connection of doomed) connection.cut();
    const closing = [...this.#sockets.keys()].filter(({ destroyed }) => destroyed);
    if (clientId === undefined) {
      for (const [socket, connection] of this.#sockets) {
        // Still in its handshake.
        if (connection === undefined) socket.resetAndDestroy();
        closing.push(socket);
      }
    }
    await Promise.all([ended, ...closing.map((socket) => this.#closed(socket))]);
  }

  #closed(socket: Socket): Promise<void> {
    if (!this.#sockets.has(socket)) return Promise.resolve();
    return new Promise((resolve) => socket.once('close', () => resolve()));
  }

  #pause(ms: number): Promise<void> {
    if (ms === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#restartTimer = { timer: systemClock.setTimeout(resolve, ms), wake: resolve };
    });
  }

  async #free(): Promise<void> {
    if (this.#restartTimer !== undefined) {
      systemClock.clearTimeout(this.#restartTimer.timer);
      this.#restartTimer.wake();
    }
    this.faults.close();
    this.#parts.changes.close(stopped());
    this.#stopListening();
    await this.#cut();
    await this.#parts.broker.stop();
  }
}

/** What is asked of a core that has stopped, or was stopped meanwhile. */
function stopped(): IotError {
  return new IotError('CLOSED', 'the local IoT core was stopped');
}

function emitWarning({ message, code }: LocalIotCoreWarning): void {
  process.emitWarning(message, { type: 'LocalIotCoreWarning', code });
}

function validate(options: LocalIotCoreOptions): void {
  if (typeof options !== 'object' || (options as unknown) === null)
    throw invalid('options', 'an object', options);
  for (const [name, value] of Object.entries(options)) {
    if (!OPTIONS.includes(name)) throw invalid('options', `made of ${OPTIONS.join(', ')}`, options);
    if (value === undefined) throw invalid(name, 'left out or given', value);
  }
  for (const name of ['port', 'plainPort'] as const) {
    const value = options[name] ?? 0;
    if (!Number.isInteger(value) || value < 0 || value > 65_535) {
      throw invalid(name, 'a whole number from 0 to 65535', value);
    }
  }
}
