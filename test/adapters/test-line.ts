import { type MqttTransportOptions, plainTcp } from '../../src/adapters/index.ts';
import { createMqttTransport } from '../../src/adapters/mqtt-transport.ts';
import { systemClock } from '../../src/protocol/clock.ts';
import type { IotError } from '../../src/protocol/errors.ts';
import type { IncomingMessage } from '../../src/protocol/message.ts';
import type {
  AttachedWire,
  LineEnd,
  TransportFact,
  TransportLine,
  Wire,
} from '../../src/protocol/transport.ts';

export type FactType = TransportFact['type'];

/** One attempt under test: what it reported, what it was attached to, what it received. */
export class TestLine implements TransportLine, Disposable {
  readonly facts: TransportFact[] = [];
  readonly messages: IncomingMessage[] = [];
  /** Attach, detach and facts, in the order in which they came. */
  readonly story: string[] = [];
  wire: Wire | undefined;
  /** How the line ended, as it told whoever had its wire. */
  ended: LineEnd | undefined;
  /** Called with each fact, after it was noted. */
  onFact: (fact: TransportFact) => void = () => {};
  line: TransportLine | undefined;
  #wake: () => void = () => {};

  take(fact: TransportFact): void {
    this.facts.push(fact);
    this.story.push(fact.type);
    this.#wake();
    this.onFact(fact);
  }

  receive(message: IncomingMessage): void {
    this.messages.push(message);
    this.#wake();
  }

  attach(wire: Wire): AttachedWire {
    this.wire = wire;
    this.story.push('attach');
    return {
      detach: (end) => {
        this.story.push('detach');
        this.ended = end;
        return end.error;
      },
    };
  }

  /** Resolves with the first fact of this kind. */
  async until<T extends FactType>(type: T): Promise<Extract<TransportFact, { type: T }>> {
    for (;;) {
      const fact = this.facts.find((one) => one.type === type);
      if (fact !== undefined) return fact as Extract<TransportFact, { type: T }>;
      await this.#next();
    }
  }

  async error(type: 'transport.failed' | 'transport.closed'): Promise<IotError> {
    return (await this.until(type)).error;
  }

  async message(index: number): Promise<IncomingMessage> {
    for (;;) {
      const message = this.messages[index];
      if (message !== undefined) return message;
      await this.#next();
    }
  }

  /** The wire of a line that must be connected. */
  get live(): Wire {
    if (this.wire === undefined) throw new Error('not attached');
    return this.wire;
  }

  disconnect(): void {
    this.line?.disconnect();
  }

  free(): void {
    this.line?.free();
  }

  [Symbol.dispose](): void {
    this.free();
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

export type TestOptions = Partial<MqttTransportOptions> & { readonly port: number };

/** Complete options for one transport, whose attempts each get a {@link TestLine}. */
export function testTransport(options: TestOptions): { open(): TestLine } {
  let current = new TestLine();
  const openTransport = createMqttTransport({
    endpoint: '127.0.0.1',
    clientId: 'kitchen-lamp',
    authentication: plainTcp(),
    protocolVersion: 4,
    clean: true,
    keepAliveSeconds: 30,
    pingTimeoutMs: 5_000,
    operationTimeoutMs: 5_000,
    clock: systemClock,
    connectIntervalMs: 0,
    attach: (wire) => current.attach(wire),
    onMessage: (message) => current.receive(message),
    ...options,
  });
  return {
    open() {
      const line = new TestLine();
      current = line;
      line.line = openTransport((fact) => line.take(fact));
      return line;
    },
  };
}

/** Opens one attempt. */
export function openTestLine(options: TestOptions): TestLine {
  return testTransport(options).open();
}
