// @ts-check
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { until } from './until.mjs';

const PROGRAM = fileURLToPath(new URL('durable-device.mjs', import.meta.url));

/** How long a process may take to come to what it is waited for. */
const PATIENCE_MS = 60_000;

/** One process of the device, as its parent knows it: what it said, until it was killed. */
export class Life {
  /** Ids in the order of the calls. @type {string[]} */
  called = [];
  /** Ids whose publish has resolved. @type {string[]} */
  kept = [];
  /** Ids and why. @type {string[]} */
  refused = [];
  /** What it found. @type {{ messages: number, missing: number } | undefined} */
  recovered;
  /** How long it took to find it. */
  openingMs = 0;
  hasEmptied = false;
  /** `starting`, then `opening` until its queue is open, then the status of its client. */
  state = 'starting';
  #status = 'idle';
  #began = 0;
  #child;
  #ended;

  /**
   * @param {import('./durable-device.mjs').Orders} orders
   * @param {() => void} recovered told when its queue is open
   */
  constructor(orders, recovered) {
    this.#child = spawn(process.execPath, [PROGRAM], { stdio: ['pipe', 'inherit', 'inherit', 'pipe'] });
    this.#ended = once(this.#child, 'close');
    this.#child.stdin?.end(JSON.stringify(orders));
    this.#read(recovered);
  }

  /** Resolves once it is so; throws when that takes too long, or the process ends first. */
  async comesTo(/** @type {string} */ what, /** @type {() => boolean} */ isTrue) {
    await until(() => isTrue() || this.#isOver(), PATIENCE_MS);
    if (isTrue()) return;
    const { exitCode } = this.#child;
    throw new Error(
      `the device never came to be ${what}: ${exitCode === null ? this.state : `exit ${exitCode}`}`,
    );
  }

  /** Ends it as a power cut would, and hears the last that it said. Returns its exit code when it had ended by itself. */
  async kill() {
    this.#child.kill('SIGKILL');
    await this.#ended;
    return this.#child.exitCode;
  }

  /** Resolves with its exit code when it has ended by itself. */
  async ends() {
    await this.comesTo('over', () => this.#isOver());
    return this.kill();
  }

  #isOver() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  #read(/** @type {() => void} */ recovered) {
    const reports = /** @type {import('node:stream').Readable} */ (this.#child.stdio[3]);
    let rest = '';
    reports.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      const lines = `${rest}${text}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#take(line.split(' '), recovered);
    });
  }

  #take(/** @type {string[]} */ [what = '', id = '', ...more], /** @type {() => void} */ recovered) {
    if (what === 'called') this.called.push(id);
    else if (what === 'kept') this.kept.push(id);
    else if (what === 'refused') this.refused.push(`${id} ${more.join(' ')}`);
    else if (what === 'emptied') this.hasEmptied = true;
    else if (what === 'opening') {
      this.#began = performance.now();
      this.state = what;
    } else if (what === 'status') {
      this.#status = id;
      if (this.recovered !== undefined) this.state = id;
    } else {
      this.recovered = { messages: Number(id), missing: Number(more[0]) };
      this.openingMs = performance.now() - this.#began;
      this.state = this.#status;
      recovered();
    }
  }
}
