// @ts-check
import { watch } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** @typedef {import('./life.mjs').Life} Life */

/**
 * @typedef {object} Round
 * @property {import('aws-iot-machines/testing').FaultProxy} proxy
 * @property {Life} life
 * @property {string} directory
 * @property {number} chance in [0, 1): when within the moment that is meant
 * @property {number} openingMs how long the last opening took
 */

/**
 * @typedef {object} Kill
 * @property {boolean} [isOffline] whether the process starts without a line
 * @property {boolean} [isFault] whether the line is broken too
 * @property {number} [payloadBytes]
 * @property {(round: Round) => Promise<void>} moment resolves when the process is to be killed
 */

/** So much takes longer to drain than it takes until the kill. */
const BACKLOG = 500;

/**
 * The moments at which a process is killed.
 *
 * @type {Readonly<Record<string, Kill>>}
 */
export const KILLS = {
  opening: {
    moment: async ({ life, chance, openingMs }) => {
      await life.comesTo('opening', () => life.state !== 'starting');
      await sleep(chance * openingMs);
    },
  },
  offline: {
    isOffline: true,
    moment: ({ life, chance }) => keeps(life, 1 + 600 * chance),
  },
  compacting: {
    isOffline: true,
    // A few hundred of these make LevelDB begin a new file.
    payloadBytes: 8_192,
    moment: async ({ life, directory, chance }) => {
      await recovers(life);
      const watcher = watch(join(directory, 'messages'));
      const seen = { file: false };
      watcher.on('change', (_, name) => {
        if (String(name).endsWith('.ldb')) seen.file = true;
      });
      await life.comesTo('compacting', () => seen.file);
      watcher.close();
      await sleep(20 * chance);
    },
  },
  draining: {
    isOffline: true,
    moment: async ({ life, proxy, chance }) => {
      await keeps(life, BACKLOG);
      await proxy.accept();
      await life.comesTo('draining', () => life.state === 'draining');
      await sleep(100 * chance);
    },
  },
  live: {
    moment: async ({ life, chance }) => {
      await comesLive(life);
      await keeps(life, 1 + 400 * chance);
    },
  },
  acknowledgementsLost: {
    isFault: true,
    moment: async ({ life, proxy, chance }) => {
      await comesLive(life);
      proxy.freeze('toClient');
      await sleep(200 * chance);
    },
  },
  reconnecting: {
    isFault: true,
    moment: async ({ life, proxy, chance }) => {
      await comesLive(life);
      proxy.cut();
      await life.comesTo('without a line', () => life.state !== 'live');
      await sleep(200 * chance);
    },
  },
};

/** @param {Life} life */
async function recovers(life) {
  await life.comesTo('open', () => life.recovered !== undefined);
}

/** @param {Life} life */
async function comesLive(life) {
  await life.comesTo('live', () => life.state === 'live');
}

/** @param {Life} life @param {number} count */
async function keeps(life, count) {
  await recovers(life);
  const most = life.kept.length + count;
  await life.comesTo('keeping', () => life.kept.length >= most);
}
