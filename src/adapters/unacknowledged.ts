import type { IotError } from '../protocol/errors.ts';
import type { SentForAnswer } from './keep-alive.ts';

/** A QoS 1 publish without PUBACK. */
export class UnacknowledgedPublish implements SentForAnswer {
  readonly packetId: number;
  readonly topic: string;
  readonly bytes: number;
  readonly done: (error?: IotError) => void;
  readonly sentAt: number;
  /** Only for their list. */
  older: UnacknowledgedPublish | undefined = undefined;
  newer: UnacknowledgedPublish | undefined = undefined;

  constructor(
    packetId: number,
    topic: string,
    bytes: number,
    sentAt: number,
    done: (error?: IotError) => void,
  ) {
    this.packetId = packetId;
    this.topic = topic;
    this.bytes = bytes;
    this.sentAt = sentAt;
    this.done = done;
  }
}

/**
 * The publishes without PUBACK, by packet id and by age. Not in a `Map`: each table that one outgrows points to the next, so a
 * table that a full collection found in use would keep all later ones, with the publishes that were in them, until the
 * next full collection.
 */
export class Unacknowledged {
  #byId: Record<number, UnacknowledgedPublish> = {};
  #oldest: UnacknowledgedPublish | undefined;
  #newest: UnacknowledgedPublish | undefined;
  #bytes = 0;

  get oldest(): UnacknowledgedPublish | undefined {
    return this.#oldest;
  }

  /** What they add up to. */
  get bytes(): number {
    return this.#bytes;
  }

  has(packetId: number): boolean {
    return this.#byId[packetId] !== undefined;
  }

  add(publish: UnacknowledgedPublish): void {
    this.#byId[publish.packetId] = publish;
    publish.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = publish;
    else this.#newest.newer = publish;
    this.#newest = publish;
    this.#bytes += publish.bytes;
  }

  /** Takes the one with this id out, if there is one. */
  take(packetId: number): UnacknowledgedPublish | undefined {
    const publish = this.#byId[packetId];
    if (publish === undefined) return undefined;
    delete this.#byId[packetId];
    const { older, newer } = publish;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    publish.older = undefined;
    publish.newer = undefined;
    this.#bytes -= publish.bytes;
    return publish;
  }

  clear(): void {
    this.#byId = {};
    this.#oldest = undefined;
    this.#newest = undefined;
    this.#bytes = 0;
  }
}
