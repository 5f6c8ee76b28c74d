import type { IConnectPacket, Packet } from 'mqtt-packet';
import type { QoS } from '../protocol/message.ts';
import { matches } from '../protocol/topics.ts';
import { type BrokerConnection, type ConnackAnswer, connack } from './broker-connection.ts';
import type { PacketOf } from './broker-log.ts';

type Publish = PacketOf<'publish'>;

/** A message that a broker sends to its subscribers. */
export type BrokerMessage = Pick<Publish, 'topic' | 'payload' | 'qos' | 'retain' | 'properties'>;

/** What the broker knows of one client id. */
interface Session {
  readonly clientId: string;
  readonly subscriptions: Map<string, QoS>;
  /** QoS 1 messages that have no PUBACK, as they are sent next, those included that came while the client was away. */
  readonly unacknowledged: Map<number, Publish>;
  connection: BrokerConnection | undefined;
  /** Whether it outlives its connection. */
  isKept: boolean;
  lastMessageId: number;
}

const SESSION_TAKEN_OVER = 142;
const MOST_MESSAGE_IDS = 65_535;

/**
 * A small broker: what a `ScriptedBroker` does about a packet for which there is no rule. It accepts every client,
 * grants QoS 0 and 1, and delivers to those who subscribed.
 */
export class BrokerSessions {
  readonly #sessions = new Map<string, Session>();
  readonly #byConnection = new WeakMap<BrokerConnection, Session>();
  readonly #connackFor: (connect: IConnectPacket) => ConnackAnswer;
  #assigned = 0;

  constructor(connackFor: (connect: IConnectPacket) => ConnackAnswer) {
    this.#connackFor = connackFor;
  }

  /** Does what a broker does about a packet. */
  serve(connection: BrokerConnection, packet: Packet): void {
    switch (packet.cmd) {
      case 'connect':
        this.#connect(connection, packet);
        break;
      case 'publish':
        this.#publish(connection, packet);
        break;
      case 'puback':
        this.#sessionOf(connection)?.unacknowledged.delete(packet.messageId ?? 0);
        break;
      case 'subscribe':
        this.#subscribe(connection, packet);
        break;
      case 'unsubscribe':
        this.#unsubscribe(connection, packet);
        break;
      case 'pingreq':
        connection.send({ cmd: 'pingresp' });
        break;
      case 'disconnect':
        connection.end();
        break;
      default:
    }
  }

  /** The filters that a client id has, and the QoS that was granted. */
  subscriptionsOf(clientId: string): ReadonlyMap<string, QoS> {
    return this.#sessions.get(clientId)?.subscriptions ?? new Map();
  }

  /** Sends a message to each session with a filter that matches, once. Returns to how many. */
  route(message: BrokerMessage): number {
    const receivers = [...this.#sessions.values()].filter((session) => this.#deliver(session, message));
    return receivers.length;
  }

  /** The connection is over: a session that nobody asked to keep is forgotten. */
  closed(connection: BrokerConnection): void {
    const session = this.#byConnection.get(connection);
    if (session?.connection !== connection) return;
    session.connection = undefined;
    if (!session.isKept) this.#sessions.delete(session.clientId);
  }

  /** Forgets all sessions, as a broker that has lost its disk. Open connections have none from now on. */
  forget(): void {
    for (const session of this.#sessions.values()) session.connection = undefined;
    this.#sessions.clear();
  }

  #connect(connection: BrokerConnection, connect: IConnectPacket): void {
    // Served too late: nobody is there any more who could have a session.
    if (!connection.isOpen) return;
    const { properties, ...given } = this.#connackFor(connect);
    const assigned = connect.clientId === '' ? `assigned-${++this.#assigned}` : undefined;
    const clientId = assigned ?? connect.clientId;
    const old = this.#sessions.get(clientId);
    if (old?.connection !== undefined) dropOlder(old, connection);
    // One that was not to outlive its connection has ended with it, by this one at the latest.
    const isResumed = old?.isKept === true && connect.clean === false;
    const session = isResumed ? old : newSession(clientId);
    session.connection = connection;
    session.isKept = isKept(connect);
    this.#sessions.set(clientId, session);
    this.#byConnection.set(connection, session);
    const chosen = assigned === undefined ? {} : { assignedClientIdentifier: assigned };
    connection.send(
      connack({ sessionPresent: isResumed, ...given, properties: { ...chosen, ...properties } }),
    );
    for (const message of session.unacknowledged.values()) send(session, message);
  }

  #publish(connection: BrokerConnection, packet: Publish): void {
    // As AWS IoT Core: QoS 2 is never answered.
    if (packet.qos === 2) return;
    connection.take(packet);
    this.route(packet);
    if (packet.qos === 1) connection.send({ cmd: 'puback', messageId: packet.messageId ?? 0 });
  }

  #subscribe(connection: BrokerConnection, packet: PacketOf<'subscribe'>): void {
    const granted = packet.subscriptions.map(({ topic, qos }) => {
      const grantedQos = qos === 0 ? 0 : 1;
      this.#sessionOf(connection)?.subscriptions.set(topic, grantedQos);
      return grantedQos;
    });
    connection.send({ cmd: 'suback', messageId: packet.messageId ?? 0, granted });
  }

  #unsubscribe(connection: BrokerConnection, packet: PacketOf<'unsubscribe'>): void {
    const granted = packet.unsubscriptions.map((filter) => {
      this.#sessionOf(connection)?.subscriptions.delete(filter);
      return 0;
    });
    connection.send({ cmd: 'unsuback', messageId: packet.messageId ?? 0, granted });
  }

  #deliver(session: Session, message: BrokerMessage): boolean {
    const granted = [...session.subscriptions].filter(([filter]) => matches(filter, message.topic));
    if (granted.length === 0) return false;
    const { topic, payload, properties } = message;
    const qos = Math.min(message.qos, Math.max(...granted.map(([, most]) => most))) as QoS;
    const { connection } = session;
    if (qos === 0 && connection === undefined) return false;
    const publish: Publish = {
      ...{ cmd: 'publish', topic, payload, qos, retain: false, dup: false },
      ...(properties === undefined ? {} : { properties }),
      ...(qos === 0 ? {} : { messageId: nextMessageId(session) }),
    };
    if (qos === 1) session.unacknowledged.set(publish.messageId ?? 0, publish);
    send(session, publish);
    return true;
  }

  /** Undefined for a connection that has no session any more. */
  #sessionOf(connection: BrokerConnection): Session | undefined {
    const session = this.#byConnection.get(connection);
    return session?.connection === connection ? session : undefined;
  }
}

function newSession(clientId: string): Session {
  return {
    clientId,
    subscriptions: new Map(),
    unacknowledged: new Map(),
    connection: undefined,
    isKept: false,
    lastMessageId: 0,
  };
}

/** To who is there. What has no PUBACK after it is marked: only what was sent before is a duplicate (MQTT-3.3.1-1). */
function send({ connection, unacknowledged }: Session, publish: Publish): void {
  if (connection === undefined) return;
  if (publish.qos === 1) unacknowledged.set(publish.messageId ?? 0, { ...publish, dup: true });
  connection.send(publish);
}

/** MQTT 3.1.1: whoever did not ask for a clean session. MQTT 5: whoever asked for a session expiry. */
function isKept({ clean, protocolVersion, properties }: IConnectPacket): boolean {
  return protocolVersion === 5 ? (properties?.sessionExpiryInterval ?? 0) > 0 : clean === false;
}

/** As AWS IoT Core: the older of two connections with the same client id is closed; only MQTT 5 has a word for it. */
function dropOlder(session: Session, newer: BrokerConnection): void {
  if (session.connection !== newer) session.connection?.disconnect(SESSION_TAKEN_OVER);
  session.connection = undefined;
}

function nextMessageId(session: Session): number {
  do session.lastMessageId = (session.lastMessageId % MOST_MESSAGE_IDS) + 1;
  while (session.unacknowledged.has(session.lastMessageId));
  return session.lastMessageId;
}
