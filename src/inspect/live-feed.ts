import type { Clock, Timer } from '../protocol/clock.ts';
import type { Charts } from './charts.ts';
import { ClientViews } from './client-views.ts';
import type { ActorView, FaultName, Feed, FeedChange, LogEntry } from './feed.ts';
import type { FeedStream } from './feed-stream.ts';
import type { ActorRecord, Recorder } from './recorder.ts';
import type { PayloadMode } from './redact.ts';
import { unlessItThrows } from './unless-it-throws.ts';
import { Views } from './views.ts';

/** Ten times a second: more than anybody sees. */
const FLUSH_MS = 100;
const HEARTBEAT_MS = 15_000;
/** Of more than these a change tells the newest events, and the other actors in the next change. */
const MAX_ENTRIES_PER_CHANGE = 200;
const MAX_ACTORS_PER_CHANGE = 200;

interface FeedPorts {
  readonly recorder: Recorder;
  readonly charts: Charts;
  readonly clock: Clock;
  readonly payloads: PayloadMode;
  readonly faults: readonly FaultName[];
}

/** Tells all pages what has changed. While nobody looks it does nothing. */
export class LiveFeed {
  readonly #ports: FeedPorts;
  readonly #run: string;
  readonly #views: Views;
  readonly #clients = new ClientViews();
  readonly #streams = new Set<FeedStream>();
  readonly #actors = new Map<string, ActorView>();
  #logged = 0;
  #timer: Timer | undefined;
  #lastSent = 0;

  constructor(ports: FeedPorts) {
    this.#ports = ports;
    this.#run = String(ports.clock.now());
    this.#views = new Views(ports.payloads, ports.charts);
  }

  get streams(): number {
    return this.#streams.size;
  }

  add(stream: FeedStream): void {
    this.#streams.add(stream);
    stream.onClose(() => this.#streams.delete(stream));
    // Whoever comes now does not wait for the next time.
    if (this.#timer !== undefined) this.#ports.clock.clearTimeout(this.#timer);
    this.#flushIn(0);
  }

  close(): void {
    if (this.#timer !== undefined) this.#ports.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const stream of this.#streams) stream.end();
    this.#streams.clear();
  }

  #flushIn(delayMs: number): void {
    const { clock } = this.#ports;
    this.#timer = clock.setTimeout(() => this.#flush(), delayMs);
    clock.unref?.(this.#timer);
  }

  #flush(): void {
    this.#timer = undefined;
    if (this.#streams.size === 0) return;
    this.#flushIn(FLUSH_MS);
    const waiting = [...this.#streams].filter((stream) => stream.wantsAll);
    const change = this.#change();
    if (change !== undefined) {
      const text = JSON.stringify(change);
      for (const stream of this.#streams) if (!stream.wantsAll) stream.send(text);
    }
    if (waiting.length > 0) {
      const text = JSON.stringify(this.#whole());
      for (const stream of waiting) stream.sendAll(text);
    }
    this.#beat(change !== undefined || waiting.length > 0);
  }

  /** So that neither side takes a silent line for a dead one. */
  #beat(hasSent: boolean): void {
    const now = this.#ports.clock.now();
    if (!hasSent && now - this.#lastSent < HEARTBEAT_MS) return;
    this.#lastSent = now;
    if (!hasSent) for (const stream of this.#streams) stream.beat();
  }

  /** Undefined when nothing has changed. */
  #change(): FeedChange | undefined {
    const { recorder, clock } = this.#ports;
    const actors = this.#updated(recorder.takeChanged(MAX_ACTORS_PER_CHANGE));
    const forgotten = this.#forget();
    const clients = this.#clients.changed();
    const log = this.#entriesAfter(this.#logged, MAX_ENTRIES_PER_CHANGE);
    const { logged } = recorder.log;
    if (actors.length + forgotten.length + clients.length + log.length === 0) return undefined;
    this.#logged = logged;
    return { type: 'change', now: clock.now(), actors, forgotten, clients, log, logged };
  }

  #whole(): Feed {
    const { recorder, clock, payloads, faults } = this.#ports;
    for (;;) {
      const changed = recorder.takeChanged(MAX_ACTORS_PER_CHANGE);
      if (changed.length === 0) break;
      this.#updated(changed);
    }
    this.#forget();
    return {
      type: 'feed',
      run: this.#run,
      now: clock.now(),
      payloads,
      actors: [...this.#actors.values()],
      clients: this.#clients.all(),
      log: this.#entriesAfter(0),
      logged: recorder.log.logged,
      faults,
    };
  }

  #updated(records: readonly ActorRecord[]): ActorView[] {
    return records.flatMap((record) => {
      this.#clients.found(record);
      const view = unlessItThrows(() => this.#views.actor(record, this.#clients.nameOf(record.key)));
      if (view === undefined) return [];
      this.#actors.set(record.key, view);
      return view;
    });
  }

  #forget(): string[] {
    const forgotten = this.#ports.recorder.takeForgotten();
    for (const key of forgotten) {
      this.#actors.delete(key);
      this.#clients.forgotten(key);
    }
    return forgotten;
  }

  #entriesAfter(sequence: number, most?: number): LogEntry[] {
    const logged = this.#ports.recorder.log.after(sequence, most);
    return logged.flatMap((each) => unlessItThrows(() => this.#views.entry(each)) ?? []);
  }
}
