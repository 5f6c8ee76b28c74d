// @ts-check
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/**
 * @typedef {object} MosquittoOptions
 * @property {{ ca: string, cert: string, key: string }} [tls] PEM. Clients must then show a certificate of the same
 *   authority, and its common name is their user name.
 * @property {readonly string[]} [settings] more lines for mosquitto.conf; a path is relative to the broker's folder
 * @property {Readonly<Record<string, string>>} [files] more files for its folder, by name
 */

/** Where distributions put a server's binary, beside what the PATH names. */
const PATH = [process.env['PATH'] ?? '', '/usr/sbin', '/usr/local/sbin'].join(delimiter);

/** A mosquitto as a child of this process: on the loopback, with a folder of its own, on a port that it keeps. */
export class Mosquitto {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #process;
  #folder;
  #port;
  #log = '';

  /**
   * @param {string} folder
   * @param {number} port
   */
  constructor(folder, port) {
    this.#folder = folder;
    this.#port = port;
  }

  /**
   * Starts a broker with persistent sessions in its folder.
   *
   * @param {MosquittoOptions} [options]
   */
  static async start({ tls, settings = [], files = {} } = {}) {
    const folder = await mkdtemp(join(tmpdir(), 'mosquitto-'));
    const port = await freePort();
    const configuration = [
      // Else it takes another user when root starts it, who cannot read this folder.
      'user root',
      'log_dest stderr',
      'log_type all',
      // Written after each change: what it acknowledged is there after a power cut, but for what it did last.
      'persistence true',
      'persistence_location ./',
      'autosave_on_changes true',
      'autosave_interval 1',
      `listener ${port} 127.0.0.1`,
      ...(tls === undefined ? [] : TLS_SETTINGS),
      ...settings,
    ];
    const all = { ...files, ...tls, configuration: `${configuration.join('\n')}\n` };
    for (const [name, text] of Object.entries(all))
      await writeFile(join(folder, name), text, { mode: 0o600 });
    const broker = new Mosquitto(folder, port);
    await broker.start();
    return broker;
  }

  get port() {
    return this.#port;
  }

  /** What it has logged since its first start. */
  get log() {
    return this.#log;
  }

  /** Starts it again. */
  async start() {
    const child = spawn('mosquitto', ['-c', 'configuration'], {
      cwd: this.#folder,
      env: { PATH },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#process = child;
    process.on('exit', this.#endWithMe);
    const isRunning = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', () => reject(new Error(`mosquitto ended:\n${this.#log}`)));
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
        this.#log += text;
        said += text;
        if (said.includes(' running\n')) resolve(undefined);
      });
    });
    await isRunning;
  }

  /** Ends it, as a service manager would; what it keeps is written. */
  async stop() {
    await this.#end('SIGTERM');
  }

  /** Ends it as a power cut would. */
  async kill() {
    await this.#end('SIGKILL');
  }

  /** Resolves when everything that it knows now is on the disk. */
  async saved() {
    // It logs the beginning of a save: once the next one begins, this one is over.
    for (let saves = 0; saves < 2; saves++) {
      const before = this.#log.split(SAVING).length;
      this.#process?.kill('SIGUSR1');
      const stderr = this.#process?.stderr;
      while (stderr && this.#log.split(SAVING).length === before) await once(stderr, 'data');
    }
  }

  /** Takes its sessions and messages away, while it is stopped. */
  async forget() {
    await rm(join(this.#folder, 'mosquitto.db'));
  }

  /** Stops it in its tracks: the system still accepts and acknowledges bytes for it, and nobody answers. */
  pause() {
    this.#process?.kill('SIGSTOP');
  }

  /** Ends {@link pause}. */
  resume() {
    this.#process?.kill('SIGCONT');
  }

  /** Ends it for good. */
  async remove() {
    await this.kill();
    await rm(this.#folder, { recursive: true });
  }

  /** @param {NodeJS.Signals} signal */
  async #end(signal) {
    const child = this.#process;
    this.#process = undefined;
    process.off('exit', this.#endWithMe);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const isOver = once(child, 'close');
    child.kill(signal);
    await isOver;
  }

  #endWithMe = () => void this.#process?.kill('SIGKILL');
}

/** What it logs when it begins to write what it knows to the disk. */
const SAVING = 'Saving in-memory database';

const TLS_SETTINGS = [
  'cafile ca',
  'certfile cert',
  'keyfile key',
  'require_certificate true',
  'use_identity_as_username true',
];

/** @returns {Promise<number>} */
async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}
