import type { Packet } from 'mqtt-packet';
import { wholeNumber } from '../client/checks.ts';
import type { Clock } from '../protocol/clock.ts';
import { invalid } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import type { BrokerConnection, ConnackAnswer } from './broker-connection.ts';
import { connack } from './broker-connection.ts';
import { filtersIn } from './broker-log.ts';

/** Which packets of clients a rule is for. A field that is left out matches all. */
export interface BrokerMatch {
  /** `open` is not a packet: the client has opened a connection and sent nothing yet. */
  readonly packet?: Packet['cmd'] | 'open';
  /** The topic of a PUBLISH, or any filter of a SUBSCRIBE or UNSUBSCRIBE. */
  readonly topic?: string | ((topic: string) => boolean);
  /** Of the connection; nobody's before CONNECT. */
  readonly clientId?: string;
  /** The number of the connection, from 1. */
  readonly connection?: number;
  /** Only the nth packet, from 1, of those that match otherwise. */
  readonly nth?: number;
  /** The rule ends when it has been used so often. */
  readonly times?: number;
}

const MATCH_FIELDS = [
  'packet',
  'topic',
  'clientId',
  'connection',
  'nth',
  'times',
] as const satisfies readonly (keyof BrokerMatch)[];

/** A packet that came, and what can be done about it. */
export interface Exchange {
  readonly connection: BrokerConnection;
  /** Undefined when the connection was opened. */
  readonly packet: Packet | undefined;
  /** Does what the broker would have done without a rule. */
  serve(): void;
  /** Resolves after this time of the clock; default: the broker's. Never when the broker stops before. */
  wait(delayMs: number, clock?: Clock): Promise<void>;
}

/** What a rule does about a packet. Rules take any number of them: each begins when the one before it is done. */
export type Answer = (exchange: Exchange) => void | Promise<void>;

/** A packet to send. As a function of the packet that is answered it can repeat parts of that. */
export type Reply = Packet | ((packet: Packet) => Packet);

const ANSWERS = new Set<Packet['cmd']>(['puback', 'pubrec', 'pubcomp', 'suback', 'unsuback']);

/**
 * What a rule can do about a packet, instead of the broker's own answer.
 *
 * ```ts
 * broker.on({ packet: 'publish', nth: 2 }, answer.hang());
 * broker.on({ packet: 'connect', times: 1 }, answer.delay(5_000), answer.serve());
 * ```
 */
export const answer = Object.freeze({
  /** What the broker does without a rule. */
  serve: (): Answer => (exchange) => exchange.serve(),

  /** Nothing, ever: the packet is lost. */
  hang: (): Answer => () => {},

  /** Takes a PUBLISH and says nothing: its PUBACK is lost on the way. */
  take:
    (): Answer =>
    ({ connection, packet }) => {
      if (packet?.cmd === 'publish') connection.take(packet);
    },

  /** Sends packets. An acknowledgement without a message id gets that of the packet that it answers. */
  reply:
    (...replies: readonly Reply[]): Answer =>
    ({ connection, packet }) =>
      connection.send(...replies.map((one) => answering(one, packet))),

  /** Waits before what follows. Packets that come meanwhile are answered meanwhile. */
  delay:
    (delayMs: number | (() => number), clock?: Clock): Answer =>
    (exchange) =>
      exchange.wait(typeof delayMs === 'number' ? delayMs : delayMs(), clock),

  /** CONNACK with this return code (MQTT 3.1.1) or reason code (MQTT 5); when it refuses, the connection is closed. */
  connack:
    (given: ConnackAnswer): Answer =>
    ({ connection }) => {
      connection.send(connack(given));
      if ((given.code ?? 0) !== 0) connection.end();
    },

  /** FIN. */
  close:
    (): Answer =>
    ({ connection }) =>
      connection.end(),

  /** RST. */
  reset:
    (): Answer =>
    ({ connection }) =>
      connection.reset(),

  /** MQTT 5: DISCONNECT with this reason code, then FIN. MQTT 3.1.1: FIN. */
  disconnect:
    (reasonCode: number): Answer =>
    ({ connection }) =>
      connection.disconnect(reasonCode),

  /** Sends bytes, whatever they are. */
  raw:
    (bytes: Uint8Array): Answer =>
    ({ connection }) =>
      connection.raw(bytes),
});

/** A rule of a `ScriptedBroker`. */
export interface BrokerRule {
  /** How often it was used. */
  readonly used: number;
  /** Ends it: later packets are not for it. */
  remove(): void;
}

/** The rules of a broker, in the order in which they were made: the first that matches is the one that counts. */
export class BrokerScript {
  readonly #rules = new Set<Rule>();

  add(match: BrokerMatch, answers: readonly Answer[]): BrokerRule {
    checkMatch(match);
    const rule = new Rule(match, answers, () => this.#rules.delete(rule));
    this.#rules.add(rule);
    return rule;
  }

  /** What is to be done about a packet; undefined when no rule is for it. */
  find(connection: BrokerConnection, packet: Packet | undefined): readonly Answer[] | undefined {
    for (const rule of this.#rules) if (rule.takes(connection, packet)) return rule.answers;
    return undefined;
  }
}

class Rule implements BrokerRule {
  readonly answers: readonly Answer[];
  readonly #match: BrokerMatch;
  readonly remove: () => void;
  #seen = 0;
  used = 0;

  constructor(match: BrokerMatch, answers: readonly Answer[], remove: () => void) {
    this.#match = match;
    this.answers = answers;
    this.remove = remove;
  }

  takes(connection: BrokerConnection, packet: Packet | undefined): boolean {
    const { nth, times = Number.POSITIVE_INFINITY } = this.#match;
    if (this.used >= times || !isMeant(this.#match, connection, packet)) return false;
    this.#seen += 1;
    if (nth !== undefined && nth !== this.#seen) return false;
    this.used += 1;
    return true;
  }
}

/** A field that nobody reads, or a value that nothing equals, would make a rule for every packet, or for none. */
function checkMatch(match: BrokerMatch): void {
  checkFields('match', match, MATCH_FIELDS);
  const { packet, topic, clientId } = match;
  for (const [field, text] of Object.entries({ packet, clientId })) {
    if (text !== undefined && typeof text !== 'string') throw invalid(field, 'a string', text);
  }
  if (topic !== undefined && typeof topic !== 'string' && typeof topic !== 'function')
    throw invalid('topic', 'a string or a function', topic);
  for (const field of ['connection', 'nth', 'times'] as const) {
    const count = match[field];
    if (count !== undefined) wholeNumber(field, count, 1, Number.MAX_SAFE_INTEGER);
  }
}

function isMeant(match: BrokerMatch, connection: BrokerConnection, packet: Packet | undefined): boolean {
  const { topic, clientId } = match;
  const kind = packet?.cmd ?? 'open';
  if (match.packet === undefined ? packet === undefined : match.packet !== kind) return false;
  if (clientId !== undefined && clientId !== connection.clientId) return false;
  if (match.connection !== undefined && match.connection !== connection.number) return false;
  if (topic === undefined) return true;
  const isTopic = typeof topic === 'function' ? topic : (given: string) => given === topic;
  return packet !== undefined && topicsOf(packet).some(isTopic);
}

function topicsOf(packet: Packet): readonly string[] {
  return packet.cmd === 'publish' ? [packet.topic] : filtersIn(packet);
}

function answering(reply: Reply, packet: Packet | undefined): Packet {
  if (typeof reply === 'function') {
    if (packet === undefined) throw new TypeError('no packet came that could be answered');
    return reply(packet);
  }
  if (!ANSWERS.has(reply.cmd) || reply.messageId !== undefined || packet?.messageId === undefined)
    return reply;
  return { ...reply, messageId: packet.messageId };
}
