import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { Aedes, Client, PublishPacket, Subscription } from 'aedes';

import { type Clock, systemClock } from '../protocol/clock.ts';
import { describe } from '../protocol/errors.ts';
import type { FilterRequest, QoS } from '../protocol/message.ts';
import type { ConnectSignIn } from './authorizer.ts';
import { BoundedLog } from './bounded-log.ts';
import type { Connection } from './connection.ts';
import type { LocalIotCoreDeviations } from './deviations.ts';
import { excludeParents } from './hash-excludes-parent.ts';
import { KeptMessages } from './kept-messages.ts';
import type { LocalIotCoreLimits } from './limits.ts';
import { loadPeer } from './peers.ts';
import { forgetSession, type Persistence, persistenceOf } from './persistence.ts';
import { Presence, type PresenceOf } from './presence.ts';
import { SessionExpiry } from './session-expiry.ts';
import type { LocalIotCoreWarning } from './warning.ts';

/** A message that a client published and the broker accepted. Its Will counts. */
export interface ReceivedMessage {
  readonly clientId: string;
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** A client as the broker knows it now. */
export interface ConnectedClient {
  readonly clientId: string;
  /** The number of its connection, as in the tap. */
  readonly connection: number;
  /** Of the client's socket. */
  readonly remotePort: number;
  readonly protocolVersion: number;
  /** Whether its session ends with its connection. */
  readonly clean: boolean;
  /** Its filters, and the QoS of each. */
  readonly subscriptions: readonly FilterRequest[];
}

export interface BrokerPorts {
  readonly limits: LocalIotCoreLimits;
  readonly deviations: LocalIotCoreDeviations;
  readonly clock: Clock;
  grants(connection: Connection, filter: string): boolean;
  /** Whether a client gets the messages of a topic. */
  receives(connection: Connection, topic: string): boolean;
  /** Whether a client may come in with this; it may take as long as it wants. Never rejects. */
  letsIn(connection: Connection, signIn: ConnectSignIn): Promise<boolean>;
  warn(warning: LocalIotCoreWarning): void;
  /** A client has published this, and not by its Will. */
  published(connection: Connection, topic: string, payload: Uint8Array): void;
  /** Sessions, subscriptions or received messages are not what they were. */
  changed(): void;
}

interface Session extends PresenceOf {
  readonly connection: Connection;
  readonly client: Client;
  readonly ended: Promise<void>;
  readonly end: () => void;
}

const RECEIVED_CAPACITY = 10_000;
const RECEIVED_BYTES = 64 * 1024 * 1024;
const REFUSED = 0x80;

export async function startBroker(ports: BrokerPorts): Promise<Broker> {
  const { Aedes } = await loadPeer('aedes', () => import('aedes'));
  const aedes = await Aedes.createBroker({
    // Unlimited: one frozen subscriber must not stop the messages of all others.
    concurrency: 0,
    queueLimit: 1_000,
    maxClientsIdLength: Number.MAX_SAFE_INTEGER,
  });
  return new Broker(aedes, ports);
}

/** aedes, taught to tell who is there and to do what AWS IoT Core does beyond MQTT. */
export class Broker {
  readonly received = new BoundedLog<ReceivedMessage>(
    RECEIVED_CAPACITY,
    RECEIVED_BYTES,
    ({ payload }) => payload.length,
  );
  readonly #aedes: Aedes;
  readonly #ports: BrokerPorts;
  readonly #sessions = new Map<Client, Session>();
  /** The last client of each persistent session. */
  readonly #lastOf = new Map<string, Client>();
  readonly #keptFor = new Map<Client, KeptMessages>();
  readonly #expiry: SessionExpiry;
  readonly #connections = new WeakMap<Duplex, Connection>();
  readonly #presence = new Presence((topic, payload) => {
    this.publish(topic, payload, 1, false).catch(() => {});
  });

  constructor(aedes: Aedes, ports: BrokerPorts) {
    this.#aedes = aedes;
    this.#ports = ports;
    const { limits, clock } = ports;
    this.#expiry = new SessionExpiry(limits.sessionExpirySeconds, clock);
    this.#decide();
    this.#deviate();
    this.#watch();
  }

  /** Serves a connection. */
  handle(connection: Connection): void {
    this.#connections.set(connection.brokerEnd, connection);
    this.#aedes.handle(connection.brokerEnd);
  }

  get clients(): readonly ConnectedClient[] {
    return [...this.#sessions.values()].map(({ clientId, connection, client }) => ({
      clientId,
      connection: connection.id,
      remotePort: connection.remotePort,
      protocolVersion: connection.protocolVersion,
      clean: client.clean,
      subscriptions: Object.entries(subscriptionsOf(client)).map(([filter, { qos }]) => ({ filter, qos })),
    }));
  }

  filtersOf(connection: Connection): readonly string[] {
    for (const session of this.#sessions.values()) {
      if (session.connection === connection) return Object.keys(subscriptionsOf(session.client));
    }
    return [];
  }

  publish(topic: string, payload: string | Uint8Array, qos: QoS, retain: boolean): Promise<void> {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : Buffer.from(payload);
    return new Promise((resolve, reject) => {
      this.#aedes.publish({ cmd: 'publish', topic, payload: bytes, qos, retain, dup: false }, (error) =>
        error ? reject(error) : resolve(),
      );
    });
  }

  /** Resolves when the broker has said good-bye to all the clients of these connections. */
  async ended(connections: readonly Connection[]): Promise<void> {
    const sessions = [...this.#sessions.values()].filter(({ connection }) =>
      connections.includes(connection),
    );
    await Promise.all(sessions.map(({ ended }) => ended));
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#aedes.close(() => resolve()));
  }

  #decide(): void {
    const { limits, deviations } = this.#ports;
    const aedes = this.#aedes;

    aedes.preConnect = (_client, packet, done) => {
      const asked = packet.keepalive || limits.maxKeepAliveSeconds;
      packet.keepalive = Math.min(Math.max(asked, limits.minKeepAliveSeconds), limits.maxKeepAliveSeconds);
      done(null, true);
    };
    aedes.authenticate = (client, username, password, done) => {
      const signIn = { clientId: client.id, username, password };
      void this.#authenticate(client, signIn).then((isLetIn) => done(null, isLetIn));
    };
    aedes.authorizePublish = (client, packet, done) => {
      if (deviations.noRetainedOnReserved && packet.topic.startsWith('$aws/')) packet.retain = false;
      // It says something about one way, and not about the next one (MQTT-3.3.1-3).
      packet.dup = false;
      if (client !== null) this.#receive(client, packet);
      done(null);
    };
    aedes.authorizeSubscribe = (client, subscription, done) => {
      done(null, this.#ports.grants(this.#connectionOf(client), subscription.topic) ? subscription : null);
    };
    aedes.authorizeForward = (client, packet) =>
      this.#ports.receives(this.#connectionOf(client), packet.topic) ? packet : null;
  }

  /** What only its parts can do otherwise. */
  #deviate(): void {
    const { limits, deviations, clock } = this.#ports;
    const persistence = this.#persistence;
    if (deviations.hashExcludesParent) excludeParents(this.#aedes);
    if (deviations.noRetainedForWildcards) {
      const retained = persistence.createRetainedStreamCombi.bind(persistence);
      persistence.createRetainedStreamCombi = (filters) =>
        retained(filters.filter((filter) => !/[#+]/.test(filter)));
    }
    const outgoing = persistence.outgoingStream.bind(persistence);
    const perSecond = limits.queuedPublishesPerSecond;
    const kept = { perSecond, marksDuplicates: !deviations.noDuplicateFlag, clock };
    persistence.outgoingStream = (of) => {
      const client = of as Client;
      // Also asked for sessions without a client, to look through them.
      if (!this.#sessions.has(client)) return outgoing(client);
      const messages = new KeptMessages(outgoing(client), kept);
      this.#keptFor.set(client, messages);
      return messages.once('close', () => this.#keptFor.delete(client));
    };
  }

  get #persistence(): Persistence {
    return persistenceOf(this.#aedes);
  }

  #connectionOf(client: Client): Connection {
    const connection = this.#connections.get(client.conn);
    if (connection === undefined) throw new Error('a client without a connection');
    return connection;
  }

  #watch(): void {
    const aedes = this.#aedes;
    aedes.on('client', (client) => this.#begin(client));
    aedes.on('clientDisconnect', (client) => this.#end(client));
    aedes.on('keepaliveTimeout', (client) => {
      this.#connectionOf(client).endReason ??= 'MQTT_KEEP_ALIVE_TIMEOUT';
    });
    aedes.on('clientError', (client) => {
      this.#connectionOf(client).endReason ??= 'CLIENT_ERROR';
    });
    aedes.on('subscribe', (subscriptions, client) => this.#subscribed(subscriptions, client));
    aedes.on('unsubscribe', (filters, client) => {
      const session = this.#sessions.get(client);
      this.#ports.changed();
      // aedes also says so after the end of a connection, for all the filters that it had.
      if (session !== undefined) this.#presence.subscriptions(session, 'unsubscribed', filters);
    });
    (aedes as unknown as NodeJS.EventEmitter).on('error', (error: Error) =>
      this.#ports.warn({ code: 'REFUSED', clientId: undefined, message: error.message }),
    );
  }

  async #authenticate(client: Client, signIn: ConnectSignIn): Promise<boolean> {
    const connection = this.#connectionOf(client);
    connection.clientId = client.id;
    if (!(await this.#ports.letsIn(connection, signIn))) {
      connection.endReason ??= 'AUTH_ERROR';
      return false;
    }
    // Who left while the question was open takes nobody's place.
    if (connection.unsigned !== undefined && connection.hasLeft) return false;
    await this.#takeOver(connection);
    await this.#forgetExpired();
    return true;
  }

  /**
   * Ends the older connections of the same client id, and waits for it: aedes alone would forget the newer client when
   * the older one was already on its way out.
   */
  async #takeOver(newer: Connection): Promise<void> {
    const older = [...this.#sessions.values()].filter(({ clientId }) => clientId === newer.clientId);
    for (const { connection } of older) {
      connection.endReason ??= 'DUPLICATE_CLIENTID';
      connection.brokerEnd.destroy();
    }
    await Promise.all(older.map(({ ended }) => ended));
  }

  /** Called before the PUBACK: what a client knows to be delivered is in the list. */
  #receive(client: Client, packet: PublishPacket): void {
    const { topic, qos, retain, payload } = packet;
    const bytes = Buffer.from(payload as Buffer);
    this.received.push({ clientId: client.id, topic, payload: bytes, qos, retain, at: systemClock.now() });
    this.#ports.changed();
    if (packet !== willOf(client)) this.#ports.published(this.#connectionOf(client), topic, bytes);
  }

  #begin(client: Client): void {
    // aedes registers a client also when its connection died during the sign-in.
    if (client.closed) return;
    this.#expiry.cameBack(client.id);
    if (!client.clean) this.#continuePacketIds(client);
    const connection = this.#connectionOf(client);
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const session: Session = {
      connection,
      client,
      ended,
      end,
      clientId: client.id,
      sessionIdentifier: randomUUID().replaceAll('-', ''),
      principalIdentifier: connection.principal || client.id,
      ipAddress: connection.remoteAddress,
      versionNumber: this.#presence.nextVersion(client.id),
    };
    this.#sessions.set(client, session);
    this.#ports.changed();
    this.#presence.connected(session);
  }

  /**
   * aedes begins at a packet id of chance on each connection, and forgets a message of the session by nothing but its id: the PUBACK
   * of a new one could end an old one, which is then lost.
   */
  #continuePacketIds(client: Client): void {
    const previous = this.#lastOf.get(client.id);
    if (previous !== undefined) packetIdsOf(client)._nextId = packetIdsOf(previous)._nextId;
    this.#lastOf.set(client.id, client);
  }

  #end(client: Client): void {
    const session = this.#sessions.get(client);
    if (session === undefined) return;
    this.#sessions.delete(client);
    this.#keptFor.get(client)?.destroy();
    if (!client.clean) this.#expiry.left(client.id);
    this.#ports.changed();
    this.#presence.disconnected(session, session.connection.endReason ?? 'CONNECTION_LOST');
    session.end();
  }

  async #forgetExpired(): Promise<void> {
    const { limits } = this.#ports;
    for (const clientId of this.#expiry.takeExpired()) {
      this.#lastOf.delete(clientId);
      await forgetSession(this.#persistence, clientId);
      const stayed = `client ${describe(clientId)} stayed away for ${limits.sessionExpirySeconds} s`;
      const message = `${stayed}: its session has expired, with its subscriptions and what waited for it`;
      this.#ports.warn({ code: 'LIMITED', clientId, message });
    }
  }

  #subscribed(subscriptions: readonly Subscription[], client: Client): void {
    const granted = subscriptions.filter(({ qos }) => (qos as number) !== REFUSED).map(({ topic }) => topic);
    const refused = subscriptions.filter(({ qos }) => (qos as number) === REFUSED).map(({ topic }) => topic);
    const session = this.#sessions.get(client);
    this.#ports.changed();
    if (session !== undefined && granted.length > 0)
      this.#presence.subscriptions(session, 'subscribed', granted);
    // aedes stores all filters of a SUBSCRIBE with a persistent session, also those that it refuses.
    if (!client.clean && refused.length > 0)
      this.#persistence.removeSubscriptions(client, refused).catch(() => {});
  }
}

/** The Will; its types leave it out. */
function willOf(client: Client): unknown {
  return (client as unknown as { will?: unknown }).will;
}

/** The packet id that comes next; its types leave it out. */
function packetIdsOf(client: Client): { _nextId: number } {
  return client as unknown as { _nextId: number };
}

/** What aedes delivers to a client, by filter; its types leave it out. */
function subscriptionsOf(client: Client): Record<string, { qos: QoS }> {
  return (client as unknown as { subscriptions: Record<string, { qos: QoS }> }).subscriptions;
}
