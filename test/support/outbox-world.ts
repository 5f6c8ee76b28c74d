import type { Entry } from '../../src/delivery/entry.ts';
import { Outbox } from '../../src/delivery/outbox.ts';
import { IotError } from '../../src/protocol/errors.ts';
import type { Flow } from '../../src/protocol/flow.ts';
import type { OutgoingMessage, QoS } from '../../src/protocol/message.ts';
import type { HistoryLine } from '../../src/testing/history-checker.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { type ModelOptions, OutboxModel } from './outbox-model.ts';
import { ScriptedWire, type WrittenPacket } from './scripted-wire.ts';

/** One step of a random run. `a` and `b` choose among what is there, so that every step means something. */
export interface Command {
  readonly kind: CommandKind;
  readonly a: number;
  readonly b: number;
}

export const COMMAND_WEIGHTS = {
  add: 30,
  addExpiring: 8,
  receive: 14,
  refuse: 2,
  acknowledge: 12,
  takeQos0: 8,
  answerAgain: 3,
  abort: 5,
  detach: 4,
  attach: 7,
  attachToTry: 4,
  setFlow: 8,
  release: 8,
  advance: 8,
  close: 0.25,
} as const;

export type CommandKind = keyof typeof COMMAND_WEIGHTS;

const FLOWS: readonly Flow[] = ['closed', 'paced', 'free', 'free'];

/** What the far end of a line knows: packets arrive in the order in which they were written. */
interface Peer {
  readonly wire: ScriptedWire;
  unread: WrittenPacket[];
  unanswered: { packet: WrittenPacket; refused: boolean }[];
  untaken: WrittenPacket[];
}

/** An outbox between senders and a broker that do as they are told, its model beside it, and the history of all. */
export class OutboxWorld {
  readonly clock = new VirtualClock();
  readonly outbox: Outbox;
  readonly model: OutboxModel;
  readonly history: HistoryLine[] = [];
  readonly writes: string[] = [];
  readonly told: string[] = [];
  /** What each line left open that was detached. */
  readonly left: string[] = [];
  readonly errors: unknown[] = [];
  /** Called from inside of each observer call. */
  onTold: () => void = () => {};
  #peer: Peer | undefined;
  readonly #entries = new Map<string, Entry>();
  /** What the last line that was detached left without a PUBACK. */
  #open: readonly Entry[] = [];
  /** Answers that came already, or come from a line that has ended. */
  readonly #spent: WrittenPacket[] = [];
  /** Once refused, always refused: a broker that changes its mind would reorder messages by itself. */
  readonly #poison = new Set<string>();
  #added = 0;

  constructor(options: ModelOptions) {
    this.model = new OutboxModel(options);
    this.outbox = new Outbox({
      ...options,
      clock: this.clock,
      reportError: (error) => this.errors.push(error),
    });
  }

  run({ kind, a, b }: Command): void {
    this[kind](a, b);
  }

  add(a: number, b: number, expiresInMs?: number): void {
    const id = String(this.#added++);
    const qos: QoS = a % 3 === 0 ? 0 : 1;
    const payload = id.padEnd(b % 8 === 0 ? 90 : (b % 24) + 1, 'ü');
    const message: OutgoingMessage = { topic: 'a/b', payload, qos, retain: false };
    const thrown = this.#addOne(id, message, expiresInMs);
    const expected = this.model.add(id, qos, Buffer.byteLength(payload) + 3, expiresInMs);
    same('add throws', thrown, expected);
  }

  addExpiring(a: number, b: number): void {
    this.add(a, b, (b % 12) * 10 + 10);
  }

  receive(a: number): void {
    for (let i = 0; i <= a % 3; i++) this.#receiveOne(false);
  }

  refuse(): void {
    this.#receiveOne(true);
  }

  /** PUBACKs come in any order. */
  acknowledge(a: number): void {
    const [answer] = this.#peer?.unanswered.splice(a % (this.#peer.unanswered.length || 1), 1) ?? [];
    if (answer === undefined) return;
    const id = idOf(answer.packet.message);
    this.#spent.push(answer.packet);
    if (!answer.refused) this.#log('acknowledged', id);
    answer.packet.done(answer.refused ? new IotError('PUBLISH_REFUSED', 'refused') : undefined);
    this.model.answer(id, answer.refused ? 'PUBLISH_REFUSED' : undefined);
  }

  takeQos0(a: number): void {
    const [packet] = this.#peer?.untaken.splice(a % (this.#peer.untaken.length || 1), 1) ?? [];
    if (packet === undefined) return;
    this.#spent.push(packet);
    packet.done();
    this.model.answer(idOf(packet.message));
  }

  /** A second PUBACK, or one for a line that has ended: both mean nothing. */
  answerAgain(a: number, b: number): void {
    const packet = this.#spent[a % (this.#spent.length || 1)];
    packet?.done(b % 2 === 0 ? undefined : new IotError('PUBLISH_REFUSED', 'late'));
  }

  abort(a: number): void {
    const id = [...this.#entries.keys()][a % (this.#entries.size || 1)];
    const entry = id === undefined ? undefined : this.#entries.get(id);
    if (id === undefined || entry === undefined) return;
    this.outbox.end(entry, new IotError('TIMEOUT', 'too late'));
    this.model.end(id);
  }

  /** What was written just before the end may still arrive, up to some point. */
  detach(a: number): void {
    this.#loseLine(a);
    this.#open = this.outbox.detach();
    this.left.push(this.#open.map(idOfEntry).join());
    this.model.detach();
  }

  attach(a: number, b: number): void {
    this.#attach(a, b);
  }

  /** What the last line left open is suspect: all of it or a part, ended since or not. */
  attachToTry(a: number, b: number): void {
    this.#attach(a, b, this.#open.slice(b % 3));
  }

  #attach(a: number, b: number, suspects?: readonly Entry[]): void {
    if (this.#peer !== undefined && a % 4 !== 0) return;
    this.#loseLine(b);
    const takesAtOnce = b % 2 === 0;
    const receiveMaximum = a % 5 === 0 ? 1 : 65_535;
    this.attachWire(takesAtOnce, receiveMaximum, suspects);
  }

  attachWire(takesAtOnce: boolean, receiveMaximum: number, suspects?: readonly Entry[]): void {
    const wire = new ScriptedWire({
      receiveMaximum,
      answersAtOnce: takesAtOnce ? 'qos0' : 'none',
      onPublish: (packet) => this.#written(packet, takesAtOnce),
    });
    this.#peer = { wire, unread: [], unanswered: [], untaken: [] };
    this.outbox.attach(wire, suspects && new Set(suspects));
    this.model.attach(receiveMaximum, takesAtOnce, suspects?.map(idOfEntry));
  }

  setFlow(a: number): void {
    const flow = FLOWS[a % FLOWS.length] ?? 'free';
    this.outbox.setFlow(flow);
    this.model.setFlow(flow);
  }

  release(a: number): void {
    this.outbox.release((a % 3) + 1);
    this.model.release((a % 3) + 1);
  }

  advance(a: number): void {
    this.clock.advance((a % 6) * 10);
    this.model.advance((a % 6) * 10);
  }

  close(): void {
    this.outbox.close(new IotError('CLOSED', 'closed'));
    this.model.close();
    this.#loseLine(1);
  }

  /** A good line for as long as it takes. */
  heal(): void {
    this.detach(0);
    this.setFlow(2);
    this.attachWire(true, 65_535);
    for (let left = 1_000; left > 0 && this.#peer !== undefined && this.total > 0; left--) {
      this.receive(2);
      this.acknowledge(0);
    }
  }

  get total(): number {
    return this.outbox.waiting + this.outbox.inFlight + this.outbox.toResend;
  }

  /** The outbox and its model look the same, and wrote and told the same, from outside. */
  compare(): void {
    const { outbox, model } = this;
    same('waiting', outbox.waiting, model.count('waiting'));
    same('to resend', outbox.toResend, model.count('toResend'));
    same('in flight', outbox.inFlight, model.count('inFlight'));
    same('bytes', outbox.bytes, model.bytes);
    same('backlog', outbox.backlog, model.backlog);
    same('joined', outbox.joined, model.joined);
    same('writes', this.writes.join(), model.writes.join());
    same('left open', this.left.join(';'), model.left.join(';'));
    same('told', this.told.join(), model.told.join());
  }

  #addOne(id: string, message: OutgoingMessage, expiresInMs: number | undefined): string | undefined {
    this.history.push({ t: this.clock.now(), op: 'accepted', id, qos: message.qos });
    const { length } = this.history;
    try {
      const observer = {
        queued: () => this.#heard('queued', id),
        delivered: () => this.#heard('delivered', id),
        failed: (error: IotError) => this.#heard('rejected', id, error),
      };
      this.#entries.set(
        id,
        this.outbox.add(message, observer, expiresInMs === undefined ? {} : { expiresInMs }),
      );
      return undefined;
    } catch (error) {
      same('lines while add throws', this.history.length, length);
      this.history.pop();
      return IotError.is(error) ? error.code : String(error);
    }
  }

  #heard(op: 'queued' | 'delivered' | 'rejected', id: string, error?: IotError): void {
    const unknown = error?.outcomeUnknown === true;
    this.history.push({ t: this.clock.now(), op, id, ...(unknown ? { outcomeUnknown: true } : {}) });
    if (error === undefined) this.told.push(`${op} ${id}`);
    else this.told.push(`failed ${id} ${error.code}${unknown ? ' outcomeUnknown' : ''}`);
    if (op !== 'queued') this.#entries.delete(id);
    this.onTold();
  }

  #written(packet: WrittenPacket, takesAtOnce: boolean): void {
    const id = idOf(packet.message);
    this.writes.push(id);
    this.#log('written', id);
    this.#peer?.unread.push(packet);
    if (packet.message.qos === 0 && !takesAtOnce) this.#peer?.untaken.push(packet);
  }

  #receiveOne(refused: boolean): void {
    const packet = this.#peer?.unread.shift();
    if (packet === undefined) return;
    const id = idOf(packet.message);
    const isFirst = !this.history.some((line) => line.op === 'received' && line.id === id);
    if (refused && isFirst && packet.message.qos === 1) this.#poison.add(id);
    const poison = this.#poison.has(id);
    if (!poison) this.#log('received', id);
    if (packet.message.qos === 1) this.#peer?.unanswered.push({ packet, refused: poison });
  }

  #loseLine(received: number): void {
    const peer = this.#peer;
    if (peer === undefined) return;
    for (let i = received % 4; i > 0; i--) this.#receiveOne(false);
    this.#spent.push(...peer.unread, ...peer.untaken, ...peer.unanswered.map((answer) => answer.packet));
    this.#peer = undefined;
  }

  #log(op: 'written' | 'received' | 'acknowledged', id: string): void {
    this.history.push({ t: this.clock.now(), op, id });
  }
}

function idOf(message: OutgoingMessage): string {
  return String(message.payload).replaceAll('ü', '');
}

function idOfEntry({ message }: Entry): string {
  return idOf(message);
}

function same(what: string, is: unknown, shouldBe: unknown): void {
  if (is !== shouldBe) throw new Error(`${what}: is ${String(is)}, the model says ${String(shouldBe)}`);
}
