// @ts-check
// A program over WebSocket whose AWS keys live for seconds: a device publishes numbers, one after the other, until it is told to
// stop. It knows nothing of its keys, nor of what happens to the line.
import { setTimeout as sleep } from 'node:timers/promises';
import { createIotClient } from 'aws-iot-machines';
import { TOPIC } from './line.mjs';

const PER_SECOND = 50;

/** What the broker publishes when the device is lost without a DISCONNECT. */
export const WILL = 'gone/device';

/** @typedef {import('aws-iot-machines/testing').HistoryLine} HistoryLine */

export class RenewedDevice {
  /** What its user was told. @type {HistoryLine[]} */
  told = [];
  published = 0;
  /** For how long no message was acknowledged, at most, while there was one to be. */
  longestWaitMs = 0;
  #ended = 0;
  #lastEnd = performance.now();
  #isStopping = false;
  #client;

  /** @param {import('aws-iot-machines').IotClientOptions} options */
  constructor(options) {
    this.#client = createIotClient({
      ...options,
      keepAliveSeconds: 1,
      pingTimeoutMs: 300,
      operationTimeoutMs: 300,
      attemptTimeoutMs: 1_000,
      reconnect: { baseMs: 50, maxMs: 500, stableMs: 1_000 },
      offlineQueue: { maxMessages: Number.POSITIVE_INFINITY, drain: { perSecond: 1_000 } },
      will: { topic: WILL, payload: 'gone', qos: 1 },
    });
  }

  get client() {
    return this.#client;
  }

  /** Whether all that was published has ended, and the line is live. */
  get isWell() {
    return this.#ended === this.published && this.#client.status.state === 'live';
  }

  /** Publishes from now on. */
  async start() {
    await this.#client.connect();
    void this.#publishNumbers();
  }

  stop() {
    this.#isStopping = true;
  }

  async #publishNumbers() {
    while (!this.#isStopping) {
      const id = `${++this.published}`;
      if (this.#ended === this.published - 1) this.#lastEnd = performance.now();
      this.#note('accepted', id);
      this.#publish(id).then(
        () => this.#end('delivered', id),
        (error) => {
          console.log(`message ${id} was rejected: ${error.message}`);
          this.#end('rejected', id);
        },
      );
      await sleep(1_000 / PER_SECOND);
    }
  }

  async #publish(/** @type {string} */ id) {
    await (await this.#client.publish(`${TOPIC}${id}`, id, { qos: 1 })).delivered;
  }

  #end(/** @type {'delivered' | 'rejected'} */ op, /** @type {string} */ id) {
    this.#note(op, id);
    this.#ended += 1;
    const now = performance.now();
    this.longestWaitMs = Math.max(this.longestWaitMs, now - this.#lastEnd);
    this.#lastEnd = now;
  }

  #note(/** @type {HistoryLine['op']} */ op, /** @type {string} */ id) {
    this.told.push({ t: performance.now(), op, id });
  }
}
