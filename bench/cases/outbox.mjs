import { startChild } from '../lib/child.mjs';
import { fixed, median, ratios, spread } from '../lib/stats.mjs';

const ROUNDS = 7;
const FEW = 1_000;
const MANY = 1_000_000;

/** Adding a message takes the same time whether a thousand wait or a million. */
export async function outbox() {
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    const child = await startChild(new URL('../lib/outbox-process.mjs', import.meta.url), {
      args: [String(FEW), String(MANY)],
      // The helper threads of the garbage collector are not what is measured.
      execArgv: ['--expose-gc', '--single-threaded-gc'],
    });
    await child.stop();
    rounds.push(child.ready);
  }
  return ['add', 'publish'].map((what) => {
    const of = (size) => rounds.map((costs) => costs[size][what]);
    const ratio = ratios(of(MANY), of(FEW));
    return {
      figure:
        what === 'add' ? 'outbox: one more with 1,000,000 waiting' : 'offline publish with 1,000,000 waiting',
      ours: `${median(of(MANY)).toFixed(0)} ns CPU`,
      peer: `with 1,000 waiting ${median(of(FEW)).toFixed(0)} ns CPU`,
      ratio: spread(ratio, fixed(2)),
      budget: what === 'add' ? '<= 2.00' : '',
      met: what === 'add' ? median(ratio) <= 2 : undefined,
    };
  });
}
