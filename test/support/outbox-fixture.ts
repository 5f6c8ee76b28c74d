import type { DeliveryObserver, Entry } from '../../src/delivery/entry.ts';
import { Outbox } from '../../src/delivery/outbox.ts';
import type { AddOptions, OutboxOptions } from '../../src/delivery/outbox-options.ts';
import { IotError } from '../../src/protocol/errors.ts';
import type { QoS } from '../../src/protocol/message.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { leftBehind } from './outbox-journal.ts';
import { ScriptedWire, type WireScript } from './scripted-wire.ts';

/** An outbox with roomy options, and what its observers heard. A message's payload is its name. */
export class OutboxFixture {
  readonly clock = new SimulatedClock();
  readonly outbox: Outbox;
  readonly told: string[] = [];
  readonly failures = new Map<string, IotError>();
  readonly reported: unknown[] = [];

  constructor(options: Partial<OutboxOptions> = {}) {
    this.outbox = new Outbox({
      clock: this.clock,
      enabled: true,
      maxMessages: 100_000,
      maxBytes: 10_000_000,
      overflow: 'dropNewest',
      reportError: (error) => this.reported.push(error),
      ...options,
    });
  }

  /** A fixture with a wire attached and the flow free. */
  static live(options: Partial<OutboxOptions> = {}, script: WireScript = {}): [OutboxFixture, ScriptedWire] {
    const fixture = new OutboxFixture(options);
    fixture.outbox.setFlow('free');
    return [fixture, fixture.attach(script)];
  }

  attach(script: WireScript = {}, suspects?: readonly Entry[]): ScriptedWire {
    const wire = new ScriptedWire(script);
    this.outbox.attach(wire, suspects && new Set(suspects));
    return wire;
  }

  add(payload: string, qos: QoS = 1, options: AddOptions = {}, then: Partial<DeliveryObserver> = {}): Entry {
    const observer: DeliveryObserver = {
      queued: () => this.#heard(`queued ${payload}`, then.queued),
      delivered: () => this.#heard(`delivered ${payload}`, then.delivered),
      failed: (error) => {
        this.failures.set(payload, error);
        this.#heard(`failed ${payload} ${error.code}`, () => then.failed?.(error));
      },
    };
    return this.outbox.add({ topic: 't', payload, qos, retain: false }, observer, options);
  }

  /** Whether it was written. */
  request(payload: string, qos: QoS = 1, then: Partial<DeliveryObserver> = {}): boolean {
    const observer = {
      delivered: () => this.#heard(`delivered ${payload}`, then.delivered),
      failed: (error: IotError) => {
        this.failures.set(payload, error);
        this.#heard(`failed ${payload} ${error.code}`, () => then.failed?.(error));
      },
    };
    return this.outbox.request({ topic: 't', payload, qos, retain: false }, observer);
  }

  /** Writes a request as soon as there is room, as its user does. The result takes it back. */
  requestLater(payload: string, qos: QoS = 1): () => void {
    return this.outbox.onRoom({ topic: 't', payload, qos, retain: false }, () => {
      this.#heard(`room ${payload}`, undefined);
      if (!this.request(payload, qos)) this.told.push(`no room ${payload}`);
    });
  }

  /** What an earlier process left. */
  recover(payloads: readonly string[], expiresAt?: number): void {
    const found = payloads.map((payload) =>
      leftBehind({ topic: 't', payload, qos: 1, retain: false }, expiresAt),
    );
    this.outbox.recover(found, ({ payload }) => ({
      delivered: () => this.#heard(`delivered ${String(payload)}`, undefined),
      failed: (error) => {
        this.failures.set(String(payload), error);
        this.#heard(`failed ${String(payload)} ${error.code}`, undefined);
      },
    }));
  }

  addAll(payloads: readonly string[], qos: QoS = 1): Entry[] {
    return payloads.map((payload) => this.add(payload, qos));
  }

  /** The code with which `add` refuses, or 'added'. */
  tryAdd(payload: string, qos: QoS = 1): string {
    try {
      this.add(payload, qos);
      return 'added';
    } catch (error) {
      return IotError.is(error) ? error.code : String(error);
    }
  }

  /** What was told since the last time. */
  takeTold(): string[] {
    return this.told.splice(0);
  }

  /** What has not ended, in its order: `name place`. */
  get entries(): string[] {
    return this.outbox.entries().map(({ message, place }) => `${String(message.payload)} ${place}`);
  }

  get counts(): { inFlight: number; toResend: number; waiting: number } {
    const { inFlight, toResend, waiting } = this.outbox;
    return { inFlight, toResend, waiting };
  }

  #heard(what: string, then: (() => void) | undefined): void {
    this.told.push(what);
    then?.();
  }
}

/** `name0`, `name1`, … */
export function names(count: number, name = 'm'): string[] {
  return Array.from({ length: count }, (_, index) => `${name}${index}`);
}
