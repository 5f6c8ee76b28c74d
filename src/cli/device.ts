import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { type IotClient, IotError, type IotErrorCode, type Status, type StatusState } from '../index.ts';
import { narrate, narrateStable, type Times } from './narration.ts';
import { Tally } from './tally.ts';
import { duration } from './terminal.ts';
import type { Timeline } from './timeline.ts';

/** How long the last messages may take to come back before they count as lost. */
const LAST_ARRIVALS_MS = 3_000;

/** A message of the demo. The id is what lost, duplicated and reordered are judged by. */
interface Reading {
  readonly run: string;
  readonly id: number;
  readonly celsius: number;
}

/** A device that publishes numbered readings, reads its own topic, and tells all of it on a timeline. */
export class DemoDevice {
  readonly tally = new Tally();
  readonly #client: IotClient;
  readonly #topic: string;
  readonly #timeline: Timeline;
  /** Others may publish on this topic too. */
  readonly #run = randomUUID();
  readonly #sentAt = new Map<number, number>();
  readonly #enteredAt = new Map<StatusState, number>();
  readonly #changes = new EventEmitter();

  constructor(client: IotClient, topic: string, timeline: Timeline, times: Times) {
    this.#client = client;
    this.#topic = topic;
    this.#timeline = timeline;
    client.on('warning', ({ message }) => timeline.event(`! ${message}`));
    client.on('undelivered', ({ error }) => timeline.event(`✗ undelivered: ${error.code}`));
    let last: Status = client.status;
    let toldReason: IotErrorCode | undefined;
    client.on('status', (status) => {
      if (status.state !== last.state) {
        this.#enteredAt.set(status.state, performance.now());
        timeline.state(status, narrate(status, times, toldReason));
        if (status.state === 'backingOff') toldReason = status.reason?.code;
        if (status.state === 'live') toldReason = undefined;
      }
      if (status.stable && !last.stable) timeline.event(narrateStable(times));
      last = status;
      this.#changes.emit('status');
    });
  }

  /** When the device last entered this state, in milliseconds of `performance.now()`. */
  lastEntered(state: StatusState): number {
    return this.#enteredAt.get(state) ?? Number.NaN;
  }

  /** Resolves when the line has lasted. Rejects when the signal aborts. */
  async whenStable(signal: AbortSignal): Promise<void> {
    while (!this.#client.status.stable) await once(this.#changes, 'status', { signal });
  }

  /** Waits, bounded, for the messages that have not come back yet. */
  async finish(signal: AbortSignal): Promise<void> {
    const bound = AbortSignal.timeout(LAST_ARRIVALS_MS);
    try {
      await this.tally.whenArrived(AbortSignal.any([signal, bound]));
    } catch (error) {
      // What is missing now is lost, and the report says so.
      if (!bound.aborted || signal.aborted) throw error;
    }
  }

  async subscribe(signal: AbortSignal, timeoutMs: number): Promise<void> {
    const options = { qos: 1, signal, timeoutMs } as const;
    await this.#client.subscribe(this.#topic, options, (message) => this.#arrived(message.json<Reading>()));
    this.#timeline.event(`subscribed to ${this.#topic}`);
  }

  /** Publishes until the signal aborts, or so often. */
  async publish(everyMs: number, signal: AbortSignal, times = Number.POSITIVE_INFINITY): Promise<void> {
    for (let sent = 0; sent < times && !signal.aborted; sent++) {
      // Not awaited before the next: a device goes on measuring, whatever the line does.
      void this.#publishOne();
      await sleep(everyMs, undefined, { signal }).catch(() => {
        // Aborted: the loop ends.
      });
    }
  }

  async #publishOne(): Promise<void> {
    const id = this.tally.next();
    const reading: Reading = { run: this.#run, id, celsius: 20 + (id % 10) / 10 };
    this.#sentAt.set(id, performance.now());
    try {
      const receipt = await this.#client.publish(this.#topic, reading, { qos: 1 });
      if (receipt.state !== 'queued') return;
      this.tally.queued(id);
      this.#timeline.message('↑', id, `queued     ${this.#client.status.queued} waiting`);
    } catch (error) {
      this.#timeline.message('✗', id, IotError.is(error) ? error.code : String(error));
    }
  }

  #arrived({ run, id }: Reading): void {
    if (run !== this.#run) return;
    this.tally.arrived(id);
    const waited = duration(performance.now() - (this.#sentAt.get(id) ?? 0));
    if (this.tally.wasQueued(id)) {
      const { queued } = this.#client.status;
      this.#timeline.message('↓', id, `delivered  after ${waited}, ${queued} still waiting`);
    } else {
      this.#timeline.message('↕', id, `delivered  and back after ${waited}`);
    }
  }
}
