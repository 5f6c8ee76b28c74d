import { startChild, startSink } from '../lib/child.mjs';
import { fixed, interleave, median, spread } from '../lib/stats.mjs';
import { verdict } from '../lib/table.mjs';

const ROUNDS = 7;
const CONNECTIONS = 500;
const BUDGET_KIB = 15;

/** Heap per idle connection, each client in a fresh process for each round. */
export async function heap() {
  const sink = await startSink();
  const measure = async (kind) => {
    const child = await startChild(new URL('../lib/heap-process.mjs', import.meta.url), {
      args: [kind, String(sink.ready.port), String(CONNECTIONS)],
      execArgv: ['--expose-gc'],
    });
    await child.stop();
    return child.ready;
  };
  const results = await interleave(
    { ours: () => measure('ours'), mqttjs: () => measure('mqttjs') },
    ROUNDS,
    0,
  );
  await sink.stop();
  return ['heap', 'rss'].map((name) => {
    const of = (kind) => results[kind].map((result) => result[name]);
    const more = of('ours').map((value, i) => value - of('mqttjs')[i]);
    return {
      figure: `${name === 'heap' ? 'heap' : 'resident memory'} per idle connection`,
      ours: `${spread(of('ours'), fixed(1))} KiB`,
      peer: `mqtt.js ${spread(of('mqttjs'), fixed(1))} KiB`,
      'ours : peer': `${spread(more, (value) => `${value < 0 ? '' : '+'}${value.toFixed(1)}`)} KiB`,
      ...(name === 'heap' ? verdict(`<= +${BUDGET_KIB} KiB`, median(more) <= BUDGET_KIB) : {}),
    };
  });
}
