// @ts-check
// Chaos: a program on a line that breaks again and again, or one that is killed again and again. A seed draws the same again.
//   npm run chaos -- --faults 500 --messages 100000 --broker local|mosquitto --mqtt 4|5 --seed 42
//   npm run chaos -- --kills 100
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { BROKERS } from './brokers.mjs';
import { killChaos } from './kill-chaos.mjs';
import { lineChaos } from './line-chaos.mjs';
import { seeded } from './seeded.mjs';

const USAGE = `usage: npm run chaos -- [--faults 20] [--messages 4000] | --kills 10
                        [--broker local|mosquitto] [--mqtt 4, with mosquitto also 5] [--seed 42] [--verbose]`;

const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: '20' },
    messages: { type: 'string', default: '4000' },
    kills: { type: 'string' },
    seed: { type: 'string', default: `${randomInt(2 ** 31)}` },
    broker: { type: 'string', default: 'local' },
    mqtt: { type: 'string', default: '4' },
    verbose: { type: 'boolean', default: false },
  },
});
const { broker, verbose } = values;
const faults = Number(values.faults);
const messages = Number(values.messages);
const kills = values.kills === undefined ? undefined : Number(values.kills);
const seed = Number(values.seed);
/** @type {4 | 5} */
const protocolVersion = values.mqtt === '5' ? 5 : 4;
const startBroker = new Map(Object.entries(BROKERS)).get(broker);
const areCounts = [faults, messages, kills ?? 1].every((count) => Number.isInteger(count) && count > 0);
// The local core speaks MQTT 3.1.1 only.
const isSpoken = values.mqtt === '4' || (values.mqtt === '5' && broker !== 'local');
if (startBroker === undefined || !areCounts || !Number.isInteger(seed) || !isSpoken) {
  console.error(USAGE);
  process.exit(2);
}

const what = kills === undefined ? `${faults} faults over ${messages} messages` : `${kills} kills`;
console.log(`chaos on ${broker}, protocol version ${protocolVersion}, ${what}, seed ${seed}`);
const began = performance.now();
const seconds = () => ((performance.now() - began) / 1_000).toFixed(1);
const world = await startBroker();
/** @param {string} clientId */
const line = async (clientId) => ({ ...(await world.line(clientId)), protocolVersion });
/** @param {string} text */
const say = (text) => {
  if (verbose) console.log(`${seconds().padStart(7)} s  ${text}`);
};
const random = seeded(seed);
const isWell =
  kills === undefined
    ? await lineChaos(world, { faults, messages, random, say, line })
    : await killChaos(world, { kills, random, say, line });
await world.stop();
console.log(isWell ? `0 lost, in order, after ${seconds()} s` : `FAILED with seed ${seed}`);
process.exitCode = isWell ? 0 : 1;
