import { createActor } from 'xstate';
import type { Entry } from '../../src/delivery/entry.ts';
import { sizeOf } from '../../src/delivery/entry.ts';
import { Outbox } from '../../src/delivery/outbox.ts';
import type { OutboxOptions } from '../../src/delivery/outbox-options.ts';
import {
  type ClientFact,
  type ClientInput,
  type ClientPorts,
  clientMachine,
  Handle,
  type MessageCommand,
  type MessageFact,
} from '../../src/machines/index.ts';
import { DEFAULT_BACKOFF } from '../../src/protocol/backoff.ts';
import type { IotError } from '../../src/protocol/errors.ts';
import type { FilterRequest, OutgoingMessage, QoS } from '../../src/protocol/message.ts';
import type {
  Caution,
  FilterAnswer,
  TransportFact,
  TransportLine,
  Wire,
} from '../../src/protocol/transport.ts';
import type { HistoryLine } from '../../src/testing/history-checker.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { error, placeOf } from './support.ts';

/** How the broker meets an attempt to connect. */
export type Reception = 'accepts' | 'refuses' | 'hangs' | 'unauthorized' | 'invalid';

/** One line to the broker: what is under way in either direction is lost when it is cut. */
class FakeLine implements TransportLine {
  readonly #world: ClientWorld;
  readonly #report: (fact: TransportFact) => void;
  readonly #rejects = new Set<(reason: IotError) => void>();
  isOpen = true;
  isAttached = false;

  constructor(world: ClientWorld, report: (fact: TransportFact) => void) {
    this.#world = world;
    this.#report = report;
    this.#later(1, () => this.#report({ type: 'transport.signedIn' }));
    this.#later(this.#world.latency, () => this.#meet());
  }

  disconnect(): void {
    if (this.#world.answersGoodbye) this.#later(1, () => this.#close(error('CONNECTION_LOST')));
  }

  free(): void {
    this.isOpen = false;
    this.#detach();
  }

  /** The network breaks here and now. */
  cut(): void {
    if (!this.isOpen) return;
    if (this.isAttached) this.#close(error('CONNECTION_RESET'));
    else {
      this.isOpen = false;
      this.#report({ type: 'transport.failed', error: error('CONNECTION_RESET') });
    }
  }

  #meet(): void {
    const { reception } = this.#world;
    if (reception === 'hangs') return;
    if (reception === 'accepts') {
      const sessionPresent = this.#world.beginSession();
      this.isAttached = true;
      const { caution, unacknowledged } = this.#world;
      this.#world.outbox.attach(this.#wire(), caution && new Set(unacknowledged));
      // The outbox writes as soon as it can, and the network may not survive that.
      if (this.isOpen) {
        const session = {
          sessionPresent,
          receiveMaximum: this.#world.receiveMaximum,
          ...this.#world.lifetime,
          ...(caution && { caution }),
        };
        this.#report({ type: 'transport.connected', session });
      }
      return;
    }
    this.isOpen = false;
    const codes = {
      refuses: 'CONNECTION_RESET',
      unauthorized: 'NOT_AUTHORIZED',
      invalid: 'KEY_MISMATCH',
    } as const;
    this.#report({ type: 'transport.failed', error: error(codes[reception]) });
  }

  #close(reason: IotError): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#detach();
    this.#report({ type: 'transport.closed', error: reason });
  }

  #detach(): void {
    if (!this.isAttached) return;
    this.isAttached = false;
    this.#world.unacknowledged = this.#world.outbox.detach();
    for (const reject of [...this.#rejects]) reject(error('CONNECTION_LOST'));
  }

  #wire(): Wire {
    return {
      receiveMaximum: this.#world.receiveMaximum,
      publish: (message, done) => {
        this.#publish(message, done);
        return sizeOf(message);
      },
      subscribe: (requests) => this.#ask(() => this.#world.grant(requests)),
      unsubscribe: (filters) => this.#ask(() => this.#world.release(filters)),
    };
  }

  #publish(message: OutgoingMessage, done: () => void): void {
    const id = String(message.payload);
    this.#world.log({ op: 'written', id });
    if (this.#world.breaksOnWrite()) {
      this.cut();
      return;
    }
    const { latency } = this.#world;
    this.#later(latency, () => {
      this.#world.log({ op: 'received', id });
      if (message.qos === 0 || !this.#world.answers) return;
      this.#later(latency, () => {
        this.#world.log({ op: 'acknowledged', id });
        done();
      });
    });
    if (message.qos === 0) done();
  }

  #ask<T>(answer: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#rejects.add(reject);
      this.#later(2 * this.#world.latency, () => {
        if (!this.#world.answers) return;
        this.#rejects.delete(reject);
        resolve(answer());
      });
    });
  }

  #later(delayMs: number, then: () => void): void {
    this.#world.clock.setTimeout(() => {
      if (this.isOpen) then();
    }, delayMs);
  }
}

export interface ClientWorldOptions {
  readonly outbox?: Partial<OutboxOptions>;
  readonly input?: Omit<ClientInput, 'ports'>;
  readonly random?: () => number;
  readonly isPersistent?: boolean;
  readonly lifetimeMs?: number;
  readonly receiveMaximum?: number;
  readonly machine?: typeof clientMachine;
}

/** The client machine and the outbox, composed as a client composes them, over a broker that does as it is told. */
export class ClientWorld {
  readonly clock = new SimulatedClock();
  readonly outbox: Outbox;
  readonly actor;
  readonly facts: ClientFact[] = [];
  readonly history: HistoryLine[] = [];
  readonly errors: unknown[] = [];
  /** What the machine was asked about messages, and how to tell what came of it. */
  readonly messageCommands: MessageCommand[] = [];
  tellMessage: (fact: MessageFact) => void = () => undefined;
  readonly lines: FakeLine[] = [];
  /** What the broker has of this client's session. */
  readonly granted = new Map<string, QoS>();
  readonly refusedFilters = new Set<string>();
  /** How many filters each SUBSCRIBE had that was answered. */
  readonly asked: number[] = [];
  reception: Reception = 'accepts';
  answers = true;
  answersGoodbye = true;
  latency = 10;
  /** What the lines to come have to be used with; what their predecessor left unacknowledged is suspect then. */
  caution: Caution | undefined;
  unacknowledged: readonly Entry[] = [];
  /** How likely a write breaks the line. */
  breakage = 0;
  /** Whether somebody wants the line: the only time in which anything may dial. */
  isWanted = false;
  #asked = 0;
  #hasSession = false;
  #sent = 0;
  readonly receiveMaximum: number;
  readonly lifetime: { lifetimeMs?: number };
  readonly #options: ClientWorldOptions;
  readonly #random: () => number;

  constructor(options: ClientWorldOptions = {}) {
    this.#options = options;
    this.#random = options.random ?? (() => 0.5);
    this.receiveMaximum = options.receiveMaximum ?? 65_535;
    this.lifetime = options.lifetimeMs === undefined ? {} : { lifetimeMs: options.lifetimeMs };
    this.outbox = new Outbox({
      clock: this.clock,
      enabled: true,
      maxMessages: 20,
      maxBytes: 1_000_000,
      overflow: 'dropNewest',
      reportError: (thrown) => this.errors.push(thrown),
      ...options.outbox,
    });
    const ports: ClientPorts = {
      openTransport: (report) => this.#open(report),
      onFlushed: (callback) => this.outbox.onFlushed(callback),
      random: this.#random,
      now: () => this.clock.now(),
      outbox: this.outbox,
      currentWire: () => this.#wire,
      open: (_client, tell) => {
        this.tellMessage = tell;
        return { ask: (command) => this.messageCommands.push(command), free: () => undefined };
      },
    };
    this.outbox.attach = this.#attaching(this.outbox.attach.bind(this.outbox));
    this.actor = createActor(options.machine ?? clientMachine, {
      clock: this.clock,
      input: {
        connection: { backoff: { ...DEFAULT_BACKOFF, jitter: 'none' } },
        ...options.input,
        ports: new Handle(ports),
      },
    });
    this.actor.on('*', (fact) => {
      this.facts.push(fact);
      if (fact.type === 'connection.failed') {
        this.#asked = 0;
        this.isWanted = false;
      }
    });
    this.actor.start();
  }

  #wire: Wire | undefined;

  #attaching(attach: Outbox['attach']): Outbox['attach'] {
    return (wire, suspects) => {
      this.#wire = wire;
      attach(wire, suspects);
    };
  }

  get told(): string[] {
    return this.facts.map(({ type }) => type);
  }

  get connection() {
    return this.#child('connection');
  }

  get queue() {
    return this.#child('queue');
  }

  get subscriptions() {
    return this.#child('subscriptions');
  }

  #child(id: 'connection' | 'queue' | 'subscriptions'): string {
    const child = this.actor.getSnapshot().children[id];
    return child === undefined ? 'gone' : placeOf(child.getSnapshot());
  }

  get openLines(): number {
    return this.lines.filter(({ isOpen }) => isOpen).length;
  }

  get wanted(): ReadonlyMap<string, { readonly qos: QoS }> {
    return this.actor.getSnapshot().children.subscriptions?.getSnapshot().context.wanted ?? new Map();
  }

  connect(): void {
    this.#asked += 1;
    this.isWanted = true;
    this.actor.send({ type: 'connect' });
  }

  withdraw(): void {
    if (this.#asked === 1) this.isWanted = false;
    this.#asked = Math.max(0, this.#asked - 1);
    this.actor.send({ type: 'withdraw' });
  }

  disconnect(flushTimeoutMs?: number): void {
    this.#asked = 0;
    this.isWanted = false;
    this.actor.send({ type: 'disconnect', ...(flushTimeoutMs === undefined ? {} : { flushTimeoutMs }) });
  }

  cut(): void {
    this.lines.at(-1)?.cut();
  }

  /** Publishes the next message; false when it was not accepted. */
  publish(qos: QoS = 1): boolean {
    const id = String(this.#sent++);
    const observer = {
      queued: () => this.log({ op: 'queued', id }),
      delivered: () => this.log({ op: 'delivered', id }),
      failed: ({ outcomeUnknown }: IotError) => this.log({ op: 'rejected', id, outcomeUnknown }),
    };
    // Written within the call, it is written after it was accepted.
    const line = this.history.push({ t: this.clock.now(), op: 'accepted', id, qos }) - 1;
    try {
      this.outbox.add({ topic: 'a/b', payload: id, qos, retain: false }, observer);
      return true;
    } catch {
      this.history.splice(line, 1);
      return false;
    }
  }

  /** Lets time pass, and lets promises settle at each moment at which something happens. */
  async advance(durationMs: number): Promise<void> {
    const end = this.clock.now() + durationMs;
    await settle();
    for (let next = this.clock.nextIn; next !== undefined; next = this.clock.nextIn) {
      if (this.clock.now() + next > end) break;
      this.clock.advance(next);
      await settle();
    }
    this.clock.advance(end - this.clock.now());
  }

  log(line: DistributiveOmit<HistoryLine, 't'>): void {
    this.history.push({ t: this.clock.now(), ...line });
  }

  breaksOnWrite(): boolean {
    return this.breakage > 0 && this.#random() < this.breakage;
  }

  beginSession(): boolean {
    const isPresent = this.#hasSession && this.#options.isPersistent === true;
    if (!isPresent) this.granted.clear();
    this.#hasSession = true;
    return isPresent;
  }

  grant(requests: readonly FilterRequest[]): FilterAnswer[] {
    this.asked.push(requests.length);
    if (requests.length > 8) throw new Error('more than 8 filters in a SUBSCRIBE');
    return requests.map(({ filter, qos }) => {
      // What it had granted before stays as it was.
      if (this.refusedFilters.has(filter)) return { filter, error: error('SUBSCRIPTION_REFUSED') };
      this.granted.set(filter, qos);
      return { filter, grantedQos: qos };
    });
  }

  release(filters: readonly string[]): void {
    for (const filter of filters) this.granted.delete(filter);
  }

  #open(report: (fact: TransportFact) => void): TransportLine {
    if (!this.isWanted) throw new Error('dials although nobody wants a line');
    if (this.openLines > 0) throw new Error('dials beside another line');
    const line = new FakeLine(this, report);
    this.lines.push(line);
    return line;
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

async function settle(): Promise<void> {
  for (let turn = 0; turn < 6; turn++) await Promise.resolve();
}
