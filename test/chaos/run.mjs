// @ts-check
// Chaos: a program on a line that breaks again and again, one that is killed again and again, or one whose AWS keys end again
// and again. A seed draws the same again.
//   npm run chaos -- --faults 500 --messages 100000 --broker local|mosquitto --mqtt 4|5 --seed 42
//   npm run chaos -- --kills 100
//   npm run chaos -- --renewals 20
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { BROKERS } from './brokers.mjs';
import { killChaos } from './kill-chaos.mjs';
import { lineChaos } from './line-chaos.mjs';
import { renewalChaos } from './renewal-chaos.mjs';
import { seeded } from './seeded.mjs';

const USAGE = `usage: npm run chaos -- [--faults 20] [--messages 4000] | --kills 10 | --renewals 5, on local only
                        [--broker local|mosquitto] [--mqtt 4, with mosquitto also 5] [--seed 42] [--verbose]`;

const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: '20' },
    messages: { type: 'string', default: '4000' },
    kills: { type: 'string' },
    renewals: { type: 'string' },
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
const renewals = values.renewals === undefined ? undefined : Number(values.renewals);
const seed = Number(values.seed);
/** @type {4 | 5} */
const protocolVersion = values.mqtt === '5' ? 5 : 4;
const startBroker = new Map(Object.entries(BROKERS)).get(broker);
const areCounts = [faults, messages, kills ?? 1, renewals ?? 1].every(
  (count) => Number.isInteger(count) && count > 0,
);
// The local core speaks MQTT 3.1.1 only.
const isSpoken = values.mqtt === '4' || (values.mqtt === '5' && broker !== 'local');
// Keys are renewed where somebody issues them; a run is of one kind.
const isKind = renewals === undefined || (broker === 'local' && kills === undefined);
if (startBroker === undefined || !areCounts || !Number.isInteger(seed) || !isSpoken || !isKind) {
  console.error(USAGE);
  process.exit(2);
}

const what = whatOf();
console.log(`chaos on ${broker}, protocol version ${protocolVersion}, ${what}, seed ${seed}`);
const began = performance.now();
const seconds = () => ((performance.now() - began) / 1_000).toFixed(1);
/** @param {string} text */
const say = (text) => {
  if (verbose) console.log(`${seconds().padStart(7)} s  ${text}`);
};
const random = seeded(seed);
const isWell =
  renewals === undefined ? await onBroker(startBroker) : await renewalChaos({ renewals, random, say });
console.log(isWell ? `0 lost, in order, after ${seconds()} s` : `FAILED with seed ${seed}`);
process.exitCode = isWell ? 0 : 1;

function whatOf() {
  if (renewals !== undefined) return `${renewals} renewals and as many cuts`;
  return kills === undefined ? `${faults} faults over ${messages} messages` : `${kills} kills`;
}

/** @param {() => Promise<import('./brokers.mjs').Broker>} start */
async function onBroker(start) {
  const world = await start();
  /** @param {string} clientId */
  const line = async (clientId) => ({ ...(await world.line(clientId)), protocolVersion });
  const isOver =
    kills === undefined
      ? await lineChaos(world, { faults, messages, random, say, line })
      : await killChaos(world, { kills, random, say, line });
  await world.stop();
  return isOver;
}
