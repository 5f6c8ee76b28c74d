import { startChild } from '../lib/child.mjs';
import { fixed, interleave, median, ratios, spread } from '../lib/stats.mjs';

const ROUNDS = 15;

/** What `import` costs a fresh process. */
export async function importTime() {
  const measure = async (name) => {
    const child = await startChild(new URL('../lib/import-process.mjs', import.meta.url), { args: [name] });
    await child.stop();
    return child.ready;
  };
  const names = ['aws-iot-machines', 'mqtt', 'xstate', 'aws-iot-device-sdk-v2'];
  const results = await interleave(
    Object.fromEntries(names.map((name) => [name, () => measure(name)])),
    ROUNDS,
    1,
  );
  const cpu = (name) => results[name].map((result) => result.cpu);
  const shown = (name) =>
    `${median(cpu(name)).toFixed(0)} ms CPU, ${median(results[name].map((result) => result.wall)).toFixed(0)} ms`;
  return names.slice(1).map((peer) => ({
    figure: 'import',
    ours: shown(names[0]),
    peer: `${peer} ${shown(peer)}`,
    'ours : peer': spread(ratios(cpu(names[0]), cpu(peer)), fixed(2)),
  }));
}
