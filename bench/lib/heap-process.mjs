// Opens many idle connections to the sink and tells what each costs this process.
// Arguments: which client, the port of the sink, how many.
import { CLIENTS } from './clients.mjs';

const [kind, port, count] = process.argv.slice(2);
const WARM = 20;

function used() {
  for (let i = 0; i < 4; i++) globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return { heap: heapUsed, external, rss: process.memoryUsage.rss() };
}

/** One after the other in small groups, so that no backlog overflows. */
async function open(first, number) {
  const clients = [];
  for (let i = first; i < first + number; i += 10) {
    const group = Array.from({ length: Math.min(10, first + number - i) }, (_, n) =>
      CLIENTS[kind]({ port: Number(port), clientId: `${kind}-${i + n}` }),
    );
    clients.push(...(await Promise.all(group)));
  }
  return clients;
}

const idle = () => new Promise((resolve) => setTimeout(resolve, 300));
const kept = [await open(0, WARM)];
await idle();
const before = used();
kept.push(await open(WARM, Number(count)));
await idle();
const after = used();
const each = (name) => (after[name] - before[name]) / Number(count) / 1024;
process.send({
  ready: { heap: each('heap'), external: each('external'), rss: each('rss'), kept: kept.length },
});
