import { startChild } from '../lib/child.mjs';
import { fixed, interleave, median, ratios, spread } from '../lib/stats.mjs';
import { verdict } from '../lib/table.mjs';

const ROUNDS = 5;
const SIZES = [1_000, 10_000, 100_000, 1_000_000];
/** What still counts as flat: a million entries are in no near cache of a processor, a thousand are. */
const FLAT = 2;
const FIGURES = {
  add: { name: 'add one', unit: 'ns', isFlat: true },
  evict: { name: 'add one, evict the oldest for it (`dropOldest`)', unit: 'ns', isFlat: true },
  drain: { name: 'drain: write one, have it acknowledged', unit: 'ns', isFlat: true },
  heap: { name: 'heap of one, without its message', unit: 'B' },
  publish: { name: '`publish` of an offline client', unit: 'ns' },
  publishHeap: { name: 'heap of such a publish, without its payload', unit: 'B' },
};

/** What one more message costs while few or many wait, each in a fresh process for each round. */
export async function outbox() {
  const measure = async (size) => {
    const child = await startChild(new URL('../lib/outbox-process.mjs', import.meta.url), {
      args: [String(size)],
      // The helper threads of the garbage collector are not what is measured.
      execArgv: ['--expose-gc', '--single-threaded-gc'],
    });
    await child.stop();
    return child.ready;
  };
  const results = await interleave(
    Object.fromEntries(SIZES.map((size) => [`with ${size.toLocaleString('en')}`, () => measure(size)])),
    ROUNDS,
    0,
  );
  return Object.entries(FIGURES).map(([figure, { name, unit, isFlat }]) => {
    const of = (rounds) => rounds.map((costs) => costs[figure]);
    const shown = Object.entries(results).map(([size, rounds]) => [
      size,
      `${median(of(rounds)).toFixed(0)} ${unit}`,
    ]);
    const [few, many] = [Object.values(results)[0], Object.values(results).at(-1)];
    const ratio = ratios(of(many), of(few));
    return {
      'one of those that wait': name,
      ...Object.fromEntries(shown),
      'last : first': spread(ratio, fixed(2)),
      ...(isFlat ? verdict(`<= ${FLAT.toFixed(2)}`, median(ratio) <= FLAT) : {}),
    };
  });
}
