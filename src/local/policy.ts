import type { Clock } from '../protocol/clock.ts';
import { describe } from '../protocol/errors.ts';
import { excessOf } from '../protocol/topics.ts';
import type { Connection, DisconnectReason } from './connection.ts';
import type { LocalIotCoreDeviations } from './deviations.ts';
import type { Verdict } from './gate.ts';
import type { LocalIotCoreLimits } from './limits.ts';
import { type PacketFacts, refusal, refusedSuback } from './packet.ts';
import { publishFaultOf, type ReservedFault, subscribeFaultOf, takesWholeShadow } from './reserved-topics.ts';
import type { LocalIotCoreWarning } from './warning.ts';

/** What a client wants to do, for `authorize` to allow or deny. */
export interface AuthorizeRequest {
  readonly clientId: string;
  readonly action: 'connect' | 'publish' | 'subscribe' | 'receive';
  /** The topic of a publish or of what is received, the filter of a subscribe. */
  readonly topic: string | undefined;
}

export interface PolicyPorts {
  readonly limits: LocalIotCoreLimits;
  readonly deviations: LocalIotCoreDeviations;
  readonly clock: Clock;
  authorize(request: AuthorizeRequest): boolean;
  warn(warning: LocalIotCoreWarning): void;
  /** The filters that the broker has for this connection, those of a resumed session included. */
  subscriptionsOf(connection: Connection): readonly string[];
}

type Judgement = Exclude<Verdict, 'wait'>;

// CONNACK return codes of MQTT 3.1.1, and the reason code of MQTT 5 for a version that is not spoken here.
const IDENTIFIER_REJECTED = 2;
const NOT_AUTHORIZED = 5;
const UNSUPPORTED_VERSION_5 = 0x84;

const RESERVED_FAULTS: Readonly<Record<ReservedFault, string>> = {
  unknown: 'that AWS IoT Core does not have',
  onlyAwsPublishes: 'that only AWS IoT Core publishes to',
};

/** What AWS IoT Core does with a packet before, or instead of, handling it. */
export class Policy {
  readonly #ports: PolicyPorts;
  readonly #filters = new WeakMap<Connection, Set<string>>();

  constructor(ports: PolicyPorts) {
    this.#ports = ports;
  }

  judge(connection: Connection, facts: PacketFacts): Judgement {
    const { webSocketLifetimeSeconds } = this.#ports.limits;
    if (facts.packet !== 'end' && this.#hasOutlived(connection, webSocketLifetimeSeconds)) {
      const what = `uses a WebSocket that is older than ${webSocketLifetimeSeconds} s`;
      return this.#close(connection, what, 'WEBSOCKET_TTL_EXPIRATION');
    }
    switch (facts.packet) {
      case 'connect':
        return this.#connect(connection, facts);
      case 'publish':
        return this.#publish(connection, facts);
      case 'subscribe':
        return this.#subscribe(connection, facts);
      case 'unsubscribe':
        for (const filter of facts.filters ?? []) this.#filtersOf(connection).delete(filter);
        return 'pass';
      case 'disconnect':
        connection.endReason ??= 'CLIENT_INITIATED_DISCONNECT';
        return 'pass';
      case 'malformed':
        return this.#close(connection, 'sent bytes that are no MQTT packet, or one that is too large');
      default:
        return 'pass';
    }
  }

  /** Whether one filter of a SUBSCRIBE is granted. */
  grants(connection: Connection, filter: string): boolean {
    if (filter.startsWith('$share/')) {
      this.#warn(
        connection,
        'UNSUPPORTED',
        `subscribed to ${describe(filter)}: there are no shared subscriptions here`,
      );
      return false;
    }
    return this.#allows(connection, 'subscribe', filter, 'the SUBACK refuses it');
  }

  /** Whether a client gets the messages of a topic. */
  receives(connection: Connection, topic: string): boolean {
    return this.#allows(connection, 'receive', topic, 'the message is not delivered');
  }

  #hasOutlived({ isWebSocket, openedAt }: Connection, seconds: number): boolean {
    return isWebSocket && this.#ports.clock.now() - openedAt >= seconds * 1_000;
  }

  #allows(
    connection: Connection,
    action: AuthorizeRequest['action'],
    topic: string | undefined,
    otherwise: string,
  ): boolean {
    const denial = this.#denialOf({ clientId: connection.clientId ?? '', action, topic });
    if (denial === undefined) return true;
    const what = topic === undefined ? action : `${action} ${describe(topic)}`;
    this.#warn(connection, 'REFUSED', `may not ${what}${denial}; ${otherwise}`);
    return false;
  }

  /** Undefined when it is allowed. What is neither true nor false denies: a promise would allow everything. */
  #denialOf(request: AuthorizeRequest): string | undefined {
    try {
      const answer: unknown = this.#ports.authorize(request);
      if (answer === true) return undefined;
      return answer === false
        ? ', says authorize'
        : `: authorize gave ${describe(answer)} instead of true or false`;
    } catch (error) {
      return `: authorize threw ${describe(error instanceof Error ? error.message : error)}`;
    }
  }

  #connect(connection: Connection, { connectAs = '', protocolVersion = 4, will }: PacketFacts): Judgement {
    const { limits } = this.#ports;
    if (protocolVersion === 5) {
      this.#warn(
        connection,
        'UNSUPPORTED',
        'asked for MQTT 5: the local core speaks MQTT 3.1.1 only (protocolVersion: 4)',
      );
      return { answer: refusal(UNSUPPORTED_VERSION_5, 5) };
    }
    if (connectAs.startsWith('$') || Buffer.byteLength(connectAs) > limits.clientIdBytes) {
      this.#warn(
        connection,
        'REFUSED',
        `client ids have at most ${limits.clientIdBytes} bytes and begin without $`,
      );
      return { answer: refusal(IDENTIFIER_REJECTED, 4) };
    }
    if (!this.#allows(connection, 'connect', undefined, 'the CONNACK refuses it')) {
      connection.endReason ??= 'AUTH_ERROR';
      return { answer: refusal(NOT_AUTHORIZED, 4) };
    }
    if (will === undefined) return 'pass';
    if (will.qos === 2 && this.#ports.deviations.ignoresQos2)
      return this.#close(connection, 'gave a Will with QoS 2');
    return this.#topicFault(connection, will.topic, publishFaultOf) ?? 'pass';
  }

  #publish(connection: Connection, { topic = '', qos, payloadBytes = 0 }: PacketFacts): Judgement {
    const { limits } = this.#ports;
    if (payloadBytes > limits.payloadBytes) {
      return this.#close(connection, `published ${payloadBytes} bytes: the limit is ${limits.payloadBytes}`);
    }
    if (/[#+]/.test(topic))
      return this.#close(connection, `published to a topic with a wildcard: ${describe(topic)}`);
    const fault = this.#topicFault(connection, topic, publishFaultOf);
    if (fault !== undefined) return fault;
    if (!this.#allows(connection, 'publish', topic, 'its connection is closed')) {
      connection.endReason ??= 'FORBIDDEN_ACCESS';
      return 'close';
    }
    return qos === 2 ? this.#judgeQos2(connection, 'published') : 'pass';
  }

  #subscribe(connection: Connection, { filters = [], codes = [], messageId = 0 }: PacketFacts): Judgement {
    const { limits } = this.#ports;
    if (filters.length > limits.filtersPerSubscribe) {
      const most = limits.filtersPerSubscribe;
      return this.#close(connection, `sent a SUBSCRIBE with ${filters.length} filters: the limit is ${most}`);
    }
    for (const filter of filters) {
      const fault = this.#topicFault(connection, filter, subscribeFaultOf);
      if (fault !== undefined) return fault;
      if (takesWholeShadow(filter)) {
        const what = `subscribed to ${describe(filter)}: AWS advises against it, it brings back each request too`;
        this.#warn(connection, 'ADVICE', what);
      }
    }
    if (codes.includes(2) && this.#judgeQos2(connection, 'subscribed') === 'drop') return 'drop';

    const all = this.#filtersOf(connection);
    for (const filter of filters) all.add(filter);
    if (all.size <= limits.subscriptionsPerConnection) return 'pass';
    this.#close(connection, `has more than ${limits.subscriptionsPerConnection} subscriptions`);
    return { answer: refusedSuback(messageId, filters.length) };
  }

  #topicFault(
    connection: Connection,
    topic: string,
    reservedFaultOf: (topic: string) => ReservedFault | undefined,
  ): Judgement | undefined {
    const { limits, deviations } = this.#ports;
    const [root] = topic.split('/', 1);
    const reserved =
      root === '$aws' && deviations.closesOnUnknownReservedTopics ? reservedFaultOf(topic) : undefined;
    if (reserved !== undefined) {
      return this.#close(
        connection,
        `used a reserved topic ${RESERVED_FAULTS[reserved]}: ${describe(topic)}`,
      );
    }
    if (root?.startsWith('$') && root !== '$aws' && root !== '$share') {
      return this.#close(connection, `used a topic that is reserved by its $: ${describe(topic)}`);
    }
    const excess = excessOf(topic, limits);
    if (excess === 'bytes') {
      return this.#close(connection, `used a topic of more than ${limits.topicBytes} bytes`);
    }
    if (excess === 'slashes') {
      return this.#close(
        connection,
        `used a topic with more than ${limits.topicSlashes} slashes: ${describe(topic)}`,
      );
    }
    return undefined;
  }

  #filtersOf(connection: Connection): Set<string> {
    const known = this.#filters.get(connection) ?? new Set(this.#ports.subscriptionsOf(connection));
    this.#filters.set(connection, known);
    return known;
  }

  #judgeQos2(connection: Connection, verb: string): Judgement {
    if (!this.#ports.deviations.ignoresQos2) return 'pass';
    this.#warn(connection, 'UNSUPPORTED', `${verb} with QoS 2: AWS IoT Core never answers that`);
    return 'drop';
  }

  #close(connection: Connection, what: string, reason: DisconnectReason = 'CLIENT_ERROR'): Judgement {
    connection.endReason ??= reason;
    this.#warn(connection, 'REFUSED', `${what}; its connection is closed`);
    return 'close';
  }

  #warn({ clientId }: Connection, code: LocalIotCoreWarning['code'], what: string): void {
    this.#ports.warn({ code, clientId, message: `client ${describe(clientId ?? '(unknown)')} ${what}` });
  }
}
