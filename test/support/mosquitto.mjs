// @ts-check
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { on, once } from 'node:events';
import { rmSync, watch } from 'node:fs';
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

/**
 * A mosquitto as a child of this process: on the loopback, with a folder of its own, on a port that it keeps. Both go when
 * this process exits; one that is killed leaves them behind.
 */
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
    process.on('exit', this.#endWithMe);
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
    const broker = new Mosquitto(folder, port);
    try {
      for (const [name, text] of Object.entries(all))
        await writeFile(join(folder, name), text, { mode: 0o600 });
      await broker.start();
    } catch (error) {
      await broker.remove();
      throw error;
    }
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
    // It writes a new file and then gives that the name of the old one. Its log may come later than what it tells of.
    const watcher = watch(this.#folder);
    try {
      this.#process?.kill('SIGUSR1');
      const changes = on(watcher, 'change', { signal: AbortSignal.timeout(SAVE_MS) });
      for await (const [, name] of changes) if (name === DATABASE) return;
    } finally {
      watcher.close();
    }
  }

  /** Takes its sessions and messages away, while it is stopped. */
  async forget() {
    await rm(join(this.#folder, DATABASE));
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
    process.off('exit', this.#endWithMe);
    await rm(this.#folder, { recursive: true });
  }

  /** @param {NodeJS.Signals} signal */
  async #end(signal) {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const isOver = once(child, 'close');
    child.kill(signal);
    await isOver;
  }

  #endWithMe = () => {
    this.#process?.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  };
}

/** Where it keeps what it knows. */
const DATABASE = 'mosquitto.db';

/** How long a save may take. */
const SAVE_MS = 5_000;

const TLS_SETTINGS = [
  'cafile ca',
  'certfile cert',
  'keyfile key',
  'require_certificate true',
  'use_identity_as_username true',
];

/**
 * A port below those that systems give to whoever asks for any: nobody is given it while the broker is down.
 *
 * @returns {Promise<number>}
 */
export async function freePort() {
  const port = randomInt(10_000, 32_768);
  const server = net.createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return freePort();
  }
  server.close();
  await once(server, 'close');
  return port;
}
