import { startChild, startSink } from '../lib/child.mjs';
import { fixed, interleave, median, ratios, spread, thousands } from '../lib/stats.mjs';
import { verdict } from '../lib/table.mjs';

const ROUNDS = 9;
const WARMUPS = 2;
const WORK = [
  { what: 'publish', title: 'publish QoS 1, 128 B', count: 30_000 },
  { what: 'events', title: 'events of a machine', count: 50_000 },
];
/** The first is what the others are measured beside; the second says how much that means. */
const KINDS = {
  'no inspector': 'off',
  'no inspector, once more': 'off',
  'inspector, no tab': 'served',
  'inspector, one tab': 'served',
};

/** What it costs to be looked at, on a broker that does as little as a broker can. */
export async function inspect() {
  const sink = await startSink();
  const children = {};
  for (const [name, kind] of Object.entries(KINDS)) {
    children[name] = await startChild(new URL('../lib/inspect-process.mjs', import.meta.url), {
      args: [kind, String(sink.ready.port)],
      execArgv: ['--expose-gc'],
    });
  }
  const tab = await startChild(new URL('../lib/inspect-tab-process.mjs', import.meta.url), {
    args: [children['inspector, one tab'].ready.url],
  });
  const rows = [];
  for (const { what, title, count } of WORK) {
    const rounds = Object.entries(children).map(([name, child]) => [
      name,
      () => child.ask('work', { what, count }),
    ]);
    rows.push(...rowsOf(title, count, await interleave(Object.fromEntries(rounds), ROUNDS, WARMUPS)));
  }
  for (const child of [...Object.values(children), tab, sink]) await child.stop();
  return rows;
}

function rowsOf(title, count, results) {
  const cpu = (name) => results[name].map((result) => result.cpu);
  const [first] = Object.keys(KINDS);
  return Object.keys(KINDS).map((name) => {
    const beside = ratios(cpu(name), cpu(first));
    return {
      what: title,
      with: name,
      'CPU µs each': fixed(2)((median(cpu(name)) / count) * 1e6),
      'a second': thousands(count / median(results[name].map(({ wall }) => wall))),
      'CPU beside no inspector': name === first ? '' : spread(beside, fixed(2)),
      ...(name === 'inspector, no tab' && title.startsWith('publish')
        ? verdict('<= 1.10', median(beside) <= 1.1)
        : {}),
    };
  });
}
