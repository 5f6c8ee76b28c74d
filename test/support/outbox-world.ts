import type { EndObserver, Entry } from '../../src/delivery/entry.ts';
import { Outbox } from '../../src/delivery/outbox.ts';
import { IotError } from '../../src/protocol/errors.ts';
import type { Flow } from '../../src/protocol/flow.ts';
import type { OutgoingMessage } from '../../src/protocol/message.ts';
import type { QueueLimits } from '../../src/protocol/queue-limits.ts';
import type { HistoryLine } from '../../src/testing/history-checker.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { HeldJournal, leftBehind } from './outbox-journal.ts';
import { type ModelOptions, OutboxModel, STEP_MS } from './outbox-model.ts';
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
  sleep: 1,
  keep: 16,
  recover: 2,
  request: 5,
  requestLater: 4,
  forgetRequest: 1,
  setLimits: 2,
  close: 0.25,
} as const;

export type CommandKind = keyof typeof COMMAND_WEIGHTS;

export const BOUNDS = { maxMessages: [0, 1, 3, 5, 20], maxBytes: [80, 150, 400, 100_000] } as const;

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
  readonly clock = new SimulatedClock();
  readonly outbox: Outbox;
  readonly model: OutboxModel;
  readonly journal = new HeldJournal();
  /** Of all that waits its turn, and of the requests, which do not. */
  readonly history: HistoryLine[] = [];
  readonly requestHistory: HistoryLine[] = [];
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
  /** Requests that wait for room, and how each is taken back. */
  readonly #asking = new Map<string, () => void>();
  readonly #compared = new Map<string, number>();
  #added = 0;
  #isClosed = false;
  readonly #isRated: boolean;
  readonly #isJournaled: boolean;

  constructor(options: ModelOptions) {
    const { journaled, rate, ...others } = options;
    this.model = new OutboxModel(options);
    this.#isRated = rate !== undefined;
    this.#isJournaled = journaled;
    this.outbox = new Outbox({
      ...others,
      ...(journaled ? { journal: this.journal } : {}),
      ...(rate === undefined ? {} : { rate }),
      clock: this.clock,
      reportError: (error) => this.errors.push(error),
    });
  }

  run({ kind, a, b }: Command): void {
    this[kind](a, b);
  }

  add(a: number, b: number, expiresInMs?: number): void {
    const { id, bytes, message } = this.#message('', a, b);
    const thrown = this.#addOne(id, message, expiresInMs);
    same('add throws', thrown, this.model.add(id, message.qos, bytes, expiresInMs));
  }

  addExpiring(a: number, b: number): void {
    this.add(a, b, (b % 12) * 10 + 10);
  }

  /** The journal answers, in the order of the calls. */
  keep(a: number, b: number): void {
    const error = b % 9 === 0 ? new IotError('STORE_FULL', 'full') : undefined;
    for (let left = a % 4; left >= 0; left--) {
      const { next } = this.journal;
      if (next === undefined) return;
      this.journal.answer(1, error);
      this.model.kept(idOf(next), error?.code);
    }
  }

  /** Messages of an earlier process turn up, some of them too late to be of use. */
  recover(a: number, b: number): void {
    const found = Array.from({ length: (a % 3) + 1 }, (_, index) => {
      const expiresInMs = (b + index) % 4 === 0 ? ((b % 7) - 1) * STEP_MS : Number.POSITIVE_INFINITY;
      return { ...this.#message('r', 1, b + index), expiresInMs };
    });
    if (!this.#isClosed) this.#acceptBeforeWaiting(found.map(({ id }) => id));
    const kept = found.map(({ message, expiresInMs }) => leftBehind(message, this.clock.now() + expiresInMs));
    this.outbox.recover(kept, (message) => this.#observe(idOf(message)));
    this.model.recover(found);
  }

  request(a: number, b: number): void {
    const { id, bytes, message } = this.#message('q', a, b);
    same('request', this.#request(id, message), this.model.request({ id, bytes, qos: message.qos }));
  }

  requestLater(a: number, b: number): void {
    const { id, bytes, message } = this.#message('q', a, b);
    let forget: (() => void) | undefined;
    this.#asking.set(id, () => forget?.());
    forget = this.outbox.onRoom(message, () => {
      this.#asking.delete(id);
      this.told.push(`room ${id}`);
      if (!this.#request(id, message)) this.errors.push(`there was no room for ${id}`);
      this.onTold();
    });
    this.model.requestLater({ id, bytes, qos: message.qos });
  }

  forgetRequest(a: number): void {
    const id = [...this.#asking.keys()][a % (this.#asking.size || 1)];
    if (id === undefined) return;
    const forget = this.#asking.get(id);
    this.#asking.delete(id);
    forget?.();
    this.model.forgetRequest(id);
  }

  setLimits(a: number, b: number): void {
    const limits: QueueLimits = {
      maxMessages: BOUNDS.maxMessages[a % 5] ?? 1,
      maxBytes: BOUNDS.maxBytes[b % 4] ?? 80,
      overflow: a % 2 === 0 ? 'dropNewest' : 'dropOldest',
    };
    this.outbox.limits = limits;
    this.model.limits = limits;
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
    this.#pass((a % 6) * STEP_MS);
  }

  sleep(): void {
    this.#pass(1_000);
  }

  #pass(durationMs: number): void {
    const { length } = this.told;
    const { length: modelLength } = this.model.told;
    this.clock.advance(durationMs);
    this.model.advance(durationMs);
    if (!this.#isRated) return;
    // Expiry and rate have timers of their own: nobody says whose comes first at the same time.
    sortFrom(this.told, length);
    sortFrom(this.model.told, modelLength);
  }

  close(): void {
    this.#isClosed = true;
    this.outbox.close(new IotError('CLOSED', 'closed'));
    this.model.close();
  }

  /** A good line for as long as it takes. */
  heal(): void {
    this.detach(0);
    this.setFlow(2);
    this.attachWire(true, 65_535);
    for (let left = 2_000; left > 0 && this.#isBusy(); left--) {
      this.keep(3, 1);
      this.receive(2);
      this.acknowledge(0);
      if (this.#isRated) this.#pass(5 * STEP_MS);
    }
  }

  /** Nobody is there any more. */
  leave(): void {
    this.outbox.detach();
    this.model.detach();
  }

  #isBusy(): boolean {
    const { unread = [], unanswered = [] } = this.#peer ?? {};
    return this.total + this.journal.asked + this.#asking.size + unread.length + unanswered.length > 0;
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
    same('entries', outbox.entries().map(nameOf).join(), model.entries);
    this.#sameSoFar('writes', this.writes, model.writes);
    this.#sameSoFar('left open', this.left, model.left);
    this.#sameSoFar('told', this.told, model.told);
    if (this.#isJournaled) this.#sameSoFar('released', this.journal.released.map(unpadded), model.released);
  }

  /** What was compared before has not changed: these only grow. */
  #sameSoFar(what: string, is: readonly string[], shouldBe: readonly string[]): void {
    const from = this.#compared.get(what) ?? 0;
    same(what, is.slice(from).join(), shouldBe.slice(from).join());
    this.#compared.set(what, is.length);
  }

  #addOne(id: string, message: OutgoingMessage, expiresInMs: number | undefined): string | undefined {
    this.history.push({ t: this.clock.now(), op: 'accepted', id, qos: message.qos });
    const { length } = this.history;
    const observer = { queued: () => this.#heard('queued', id), ...this.#observe(id) };
    try {
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

  #observe(id: string): EndObserver {
    return {
      delivered: () => this.#heard('delivered', id),
      failed: (error: IotError) => this.#heard('rejected', id, error),
    };
  }

  #message(prefix: string, a: number, b: number): { id: string; bytes: number; message: OutgoingMessage } {
    const id = `${prefix}${this.#added++}`;
    const payload = id.padEnd(b % 8 === 0 ? 90 : (b % 24) + 1, 'ü');
    const message: OutgoingMessage = { topic: 'a/b', payload, qos: a % 3 === 0 ? 0 : 1, retain: false };
    return { id, bytes: Buffer.byteLength(payload) + 3, message };
  }

  #request(id: string, message: OutgoingMessage): boolean {
    const { length } = this.requestHistory;
    this.requestHistory.push({ t: this.clock.now(), op: 'accepted', id, qos: message.qos });
    const isWritten = this.outbox.request(message, this.#observe(id));
    if (!isWritten) this.requestHistory.splice(length);
    return isWritten;
  }

  /** Their place in the order is before all that waits now. */
  #acceptBeforeWaiting(ids: readonly string[]): void {
    const first = this.outbox.entries().find(({ place }) => place === 'waiting');
    const at = this.history.findIndex(({ op, id }) => op === 'accepted' && first && id === idOfEntry(first));
    const lines = ids.map((id) => ({ t: this.clock.now(), op: 'accepted', id, qos: 1 }) as const);
    this.history.splice(at < 0 ? this.history.length : at, 0, ...lines);
  }

  #heard(op: 'queued' | 'delivered' | 'rejected', id: string, error?: IotError): void {
    const unknown = error?.outcomeUnknown === true;
    this.#historyOf(id).push({ t: this.clock.now(), op, id, ...(unknown ? { outcomeUnknown: true } : {}) });
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
    const isFirst = !this.#historyOf(id).some((line) => line.op === 'received' && line.id === id);
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
    this.#historyOf(id).push({ t: this.clock.now(), op, id });
  }

  #historyOf(id: string): HistoryLine[] {
    return id.startsWith('q') ? this.requestHistory : this.history;
  }
}

function idOf(message: OutgoingMessage): string {
  return unpadded(String(message.payload));
}

function unpadded(payload: string): string {
  return payload.replaceAll('ü', '');
}

function nameOf(entry: Entry): string {
  return `${idOfEntry(entry)} ${entry.place}`;
}

function sortFrom(list: string[], start: number): void {
  list.push(...list.splice(start).sort());
}

function idOfEntry({ message }: Entry): string {
  return idOf(message);
}

function same(what: string, is: unknown, shouldBe: unknown): void {
  if (is !== shouldBe) throw new Error(`${what}: is ${String(is)}, the model says ${String(shouldBe)}`);
}
