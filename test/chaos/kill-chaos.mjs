// @ts-check
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkHistory } from 'aws-iot-machines/testing';
import { KILLS } from './kills.mjs';
import { Life } from './life.mjs';
import { count, countsText, tell, tellWrong, WINDOW } from './report.mjs';

/** @typedef {import('aws-iot-machines/testing').HistoryLine} HistoryLine */

/**
 * @typedef {object} Chaos
 * @property {number} kills
 * @property {() => number} random
 * @property {(text: string) => void} say
 * @property {(clientId: string) => Promise<import('./line.mjs').Line>} line
 */

const PAYLOAD_BYTES = 200;
const SYNC = /** @type {const} */ (['always', 'everySecond', 'never']);
/** What an opening may take before one was seen. */
const OPENING_MS = 50;

/**
 * Kills a device with a durable queue at every kind of moment, and starts the next one on the same directory. The last one
 * delivers what is left; then each message that was accepted must have arrived, in order. A run in which nothing was
 * recovered, or none was killed within a drain, proves nothing and fails.
 *
 * @param {import('./brokers.mjs').Broker} world
 * @param {Chaos} chaos
 * @returns {Promise<boolean>} whether all was well
 */
export async function killChaos(world, chaos) {
  const folder = await mkdtemp(join(tmpdir(), 'chaos-'));
  const device = new MortalDevice(world, chaos, join(folder, 'queue'));
  try {
    for (const [name, kill] of drawKills(chaos)) await device.liveAndDie(name, kill);
    await device.empty();
  } catch (error) {
    device.wrong.push(String(error));
  } finally {
    await device.end();
    await rm(folder, { recursive: true });
  }
  return device.judge();
}

/**
 * Each kind as often as the others, in an order of chance.
 *
 * @param {Chaos} chaos
 */
function drawKills({ kills, random }) {
  /** @type {(readonly [string, import('./kills.mjs').Kill])[]} */
  const drawn = [];
  while (drawn.length < kills) {
    const deck = Object.entries(KILLS).map((kind) => ({ kind, place: random() }));
    drawn.push(...deck.sort((a, b) => a.place - b.place).map(({ kind }) => kind));
  }
  return drawn.slice(0, kills);
}

/** One device, whose processes come one after the other. */
class MortalDevice {
  /** What was found wrong on the way. @type {string[]} */
  wrong = [];
  #world;
  #chaos;
  #directory;
  /** @type {Life[]} */
  #lives = [];
  #openingMs = OPENING_MS;
  /** Kills by what was meant. @type {Map<string, number>} */
  #kinds = new Map();
  /** Kills by what the process did. @type {Map<string, number>} */
  #states = new Map();
  #faults = 0;

  /**
   * @param {import('./brokers.mjs').Broker} world
   * @param {Chaos} chaos
   * @param {string} directory
   */
  constructor(world, chaos, directory) {
    this.#world = world;
    this.#chaos = chaos;
    this.#directory = directory;
  }

  /**
   * One process from its start until it is killed at the moment that is meant.
   *
   * @param {string} name
   * @param {import('./kills.mjs').Kill} kill
   */
  async liveAndDie(name, { isOffline = false, isFault = false, payloadBytes, moment }) {
    const { proxy } = this.#world;
    if (isOffline) proxy.refuse();
    const life = await this.#start(true, payloadBytes);
    const chance = this.#chaos.random();
    await moment({ proxy, life, chance, directory: this.#directory, openingMs: this.#openingMs });
    const exitCode = await life.kill();
    proxy.thaw();
    await proxy.accept();
    if (exitCode !== null)
      this.wrong.push(`process ${this.#lives.length} ended by itself with exit ${exitCode}`);
    this.#openingMs = life.openingMs || this.#openingMs;
    this.#faults += isFault ? 1 : 0;
    count(this.#kinds, name);
    count(this.#states, life.state);
    const { kept, recovered, state } = life;
    this.#chaos.say(
      `${name}: killed while ${state}; kept ${kept.length}, found ${recovered?.messages ?? '-'}`,
    );
  }

  /** One process delivers all that is left; the next one finds nothing. */
  async empty() {
    const left = await this.#deliver();
    const none = await this.#deliver();
    this.#chaos.say(`the last found ${left}, one more ${none}`);
    if (none > 0) this.wrong.push(`${none} were kept although all had been delivered`);
  }

  /** Ends a process that is still there. */
  async end() {
    await this.#lives.at(-1)?.kill();
  }

  judge() {
    const opened = this.#lives.filter(({ recovered }) => recovered !== undefined);
    const recovered = opened.reduce((sum, life) => sum + (life.recovered?.messages ?? 0), 0);
    const missing = opened.reduce((sum, life) => sum + (life.recovered?.missing ?? 0), 0);
    const refused = this.#lives.flatMap((life) => life.refused);
    const called = this.#lives.flatMap((life) => life.called);
    const kept = new Set(this.#lives.flatMap((life) => life.kept));
    const arrivals = this.#world.arrivals();
    const most = ([...this.#states.values()].reduce((sum, kills) => sum + kills, 0) + this.#faults) * WINDOW;
    const report = checkHistory(historyOf(called, kept, arrivals), { allowResends: most });

    tell('kills', countsText(this.#kinds));
    tell('killed', `while ${countsText(this.#states)}; ${this.#faults} faults beside`);
    tell('messages', `${called.length} published, ${kept.size} accepted, ${refused.length} refused`);
    tell('recovered', `${recovered} by ${opened.length} processes, ${missing} missing`);
    tell('twice', `${arrivals.length - new Set(arrivals).size} at the broker, of at most ${most}`);
    for (const what of [...this.wrong, ...refused.slice(0, 10)]) tell('wrong', what);
    const isProof = recovered > 0 && (this.#states.get('draining') ?? 0) > 0;
    if (!isProof) tell('no proof', 'nothing was recovered, or none was killed within a drain');
    const isRight = tellWrong('the broker', report);
    return isRight && isProof && missing === 0 && refused.length === 0 && this.wrong.length === 0;
  }

  /** @param {boolean} publishes @param {number} [payloadBytes] */
  async #start(publishes, payloadBytes = PAYLOAD_BYTES) {
    const { line, random } = this.#chaos;
    const orders = {
      line: await line('device'),
      directory: this.#directory,
      sync: SYNC[Math.floor(random() * SYNC.length)] ?? 'always',
      life: this.#lives.length + 1,
      publishes,
      payloadBytes,
    };
    const life = new Life(orders, () => this.#compare(life));
    this.#lives.push(life);
    return life;
  }

  async #deliver() {
    const life = await this.#start(false);
    await life.comesTo('empty', () => life.hasEmptied);
    const exitCode = await life.ends();
    if (exitCode !== 0) this.wrong.push(`the device that should end by itself did with exit ${exitCode}`);
    return life.recovered?.messages ?? 0;
  }

  /** What was kept and has not arrived, the next process must find; it may find more: what came last and had no answer. */
  #compare(/** @type {Life} */ life) {
    const arrived = new Set(this.#world.arrivals());
    const before = this.#lives.slice(0, this.#lives.indexOf(life));
    const least = before.flatMap(({ kept }) => kept.filter((id) => !arrived.has(id))).length;
    const { messages = 0 } = life.recovered ?? {};
    if (messages < least)
      this.wrong.push(`process ${this.#lives.length} found ${messages}, of at least ${least}`);
  }
}

/**
 * What was accepted must have been delivered in the end; a call that was killed before its answer may have done anything.
 *
 * @param {readonly string[]} called
 * @param {ReadonlySet<string>} kept
 * @param {readonly string[]} arrivals
 * @returns {HistoryLine[]}
 */
function historyOf(called, kept, arrivals) {
  return [
    ...called.map((id) => /** @type {const} */ ({ t: 0, op: 'accepted', id })),
    ...arrivals.map((id) => /** @type {const} */ ({ t: 0, op: 'received', id })),
    ...called.map((id) =>
      kept.has(id)
        ? /** @type {const} */ ({ t: 0, op: 'delivered', id })
        : /** @type {const} */ ({ t: 0, op: 'rejected', id, outcomeUnknown: true }),
    ),
  ];
}
