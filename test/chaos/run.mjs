// @ts-check
// Chaos: a program on a line that breaks again and again. A seed draws the same faults again.
//   npm run chaos -- --faults 500 --messages 100000 --broker local|mosquitto --mqtt 4|5 --seed 42
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { BROKERS } from './brokers.mjs';
import { lineChaos } from './line-chaos.mjs';
import { seeded } from './seeded.mjs';

const USAGE = `usage: npm run chaos -- [--faults 20] [--messages 4000] [--seed 42] [--broker local|mosquitto]
                        [--mqtt 4, with mosquitto also 5] [--verbose]`;

const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: '20' },
    messages: { type: 'string', default: '4000' },
    seed: { type: 'string', default: `${randomInt(2 ** 31)}` },
    broker: { type: 'string', default: 'local' },
    mqtt: { type: 'string', default: '4' },
    verbose: { type: 'boolean', default: false },
  },
});
const { broker, verbose } = values;
const faults = Number(values.faults);
const messages = Number(values.messages);
const seed = Number(values.seed);
const protocolVersion = values.mqtt === '5' ? 5 : 4;
const startBroker = new Map(Object.entries(BROKERS)).get(broker);
const areCounts = [faults, messages].every((count) => Number.isInteger(count) && count > 0);
// The local core speaks MQTT 3.1.1 only.
const isSpoken = values.mqtt === '4' || (values.mqtt === '5' && broker !== 'local');
if (startBroker === undefined || !areCounts || !Number.isInteger(seed) || !isSpoken) {
  console.error(USAGE);
  process.exit(2);
}

const what = `${faults} faults over ${messages} messages`;
console.log(`chaos on ${broker}, protocol version ${protocolVersion}, ${what}, seed ${seed}`);
const began = performance.now();
const seconds = () => ((performance.now() - began) / 1_000).toFixed(1);
const world = await startBroker();
const isWell = await lineChaos(world, {
  faults,
  messages,
  random: seeded(seed),
  line: async (clientId) => ({ ...(await world.line(clientId)), protocolVersion }),
  say: (text) => {
    if (verbose) console.log(`${seconds().padStart(7)} s  ${text}`);
  },
});
await world.stop();
console.log(isWell ? `0 lost, in order, after ${seconds()} s` : `FAILED with seed ${seed}`);
process.exitCode = isWell ? 0 : 1;
