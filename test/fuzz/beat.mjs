import { Worker } from 'node:worker_threads';

const MOST_BYTES = 1_048_576;
const BEAT_MS = 50;

/** Shows that the event loop turns, and with which case it does. */
export class Beat {
  #beats = new Int32Array(new SharedArrayBuffer(8));
  #text = new Uint8Array(new SharedArrayBuffer(MOST_BYTES));
  #timer = setInterval(() => this.#turned(), BEAT_MS);
  #worker;

  /** @param {string} findingPath where the watch writes what held the loop, before it ends this process */
  constructor(findingPath) {
    this.#worker = new Worker(new URL('./watch.mjs', import.meta.url), {
      workerData: { beat: this.#beats.buffer, text: this.#text.buffer, findingPath },
    });
  }

  /** @param {unknown} given the case that runs from now on */
  begin(given) {
    // Into memory of this thread first: what is shared cannot be encoded into.
    const bytes = Buffer.from(JSON.stringify(given)).subarray(0, MOST_BYTES);
    this.#text.set(bytes);
    Atomics.store(this.#beats, 1, bytes.length);
    this.#turned();
  }

  async end() {
    clearInterval(this.#timer);
    await this.#worker.terminate();
  }

  #turned() {
    Atomics.add(this.#beats, 0, 1);
  }
}
