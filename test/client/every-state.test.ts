import { describe, expect, it } from 'vitest';
import { STATES as STATUS_STATES } from '../../src/client/status.ts';
import type { IotClient } from '../../src/index.ts';
import { emittedAfterClosed } from '../support/invariants.ts';
import { CALLERS } from './every-state-callers.ts';
import { KNOWN, STATES, sceneIn } from './every-state-support.ts';
import { CALLS } from './every-state-table.ts';
import { settled, useCore } from './support.ts';

const theCore = useCore();

const TABLE = [...CALLS, ...CALLERS];
const NAMES = STATES.map(({ name }) => name);

it('the table says for each state what each call comes to', () => {
  for (const { calls, ends } of TABLE) {
    const named = ends.flatMap(([, states]) => states.split(' '));
    expect([calls, ...named.sort()]).toEqual([calls, ...[...NAMES].sort()]);
  }
});

/**
 * What becomes of when() for each state, in the order of STATES of the status: it has come (`now`), comes (`later`), never
 * comes by itself, so that only the end of the client ends it (`.`), or cannot come any more (`x`).
 */
const WHENS = `
idle          | now   | .     | .     | .     | .     | .     | .     | .     | later
signingIn     | .     | now   | later | later | later | .     | later | .     | later
dialing       | .     | now   | later | later | later | .     | later | .     | later
connack       | .     | now   | later | later | later | .     | later | .     | later
quiet         | .     | .     | now   | later | later | .     | later | .     | later
resubscribing | .     | .     | now   | later | later | .     | later | .     | later
draining      | .     | .     | .     | now   | later | .     | later | .     | later
live          | .     | .     | .     | .     | now   | .     | later | .     | later
stable        | .     | .     | .     | .     | now   | .     | later | .     | later
flushing      | later | .     | .     | .     | .     | .     | now   | .     | later
renewing      | .     | later | later | later | later | later | now   | .     | later
forGood       | later | .     | .     | .     | .     | .     | now   | .     | later
again         | .     | later | later | later | later | later | now   | .     | later
backingOff    | .     | later | later | later | later | now   | later | .     | later
slow          | .     | later | later | later | later | now   | later | .     | later
once          | .     | now   | later | later | later | now   | later | .     | later
failed        | x     | x     | x     | x     | x     | x     | x     | now   | x
closing       | .     | .     | .     | .     | .     | .     | now   | .     | later
closed        | x     | x     | x     | x     | x     | x     | x     | x     | now
`;

describe.each(TABLE)('fault:G-2 fault:G-3 fault:G-5 fault:G-13 $calls', ({ make, ends }) => {
  const cells = ends.flatMap(([told, states]) => states.split(' ').map((state) => [state, told] as const));

  it.each(cells)('%s: %s', async (state, told) => {
    const scene = await sceneIn(theCore(), state);
    expect(await scene.play(make)).toBe(told);
    expect(scene.signIn.mostAtOnce).toBeLessThanOrEqual(1);
    expect(emittedAfterClosed(scene.emitted)).toEqual([]);
    expect(scene.clock.pending).toBe(0);
  });
});

describe('fault:G-2 when() of each state', () => {
  const rows = WHENS.trim()
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()));

  it.each(rows)('%s', async (state, ...expected) => {
    const scene = await sceneIn(theCore(), state);
    const told = await scene.play(({ client }) => STATUS_STATES.map((one) => client.when(one)), {
      isToEnd: false,
    });
    const [, ...ends] = told.replace(/ \(.*$/, '').split(' ');
    const meaning: Record<string, string> = { ok: 'now', '…ok': 'later', '…CLOSED': '.' };
    expect(ends.map((end) => meaning[end] ?? 'x')).toEqual(expected);
  });
});

describe('fault:G-2 fault:G-3 what a call does before any time passes', () => {
  it.each([
    ['flushing', 'idle', (client: IotClient) => client.disconnect({ flushTimeoutMs: 0 })],
    ['renewing', 'idle', (client: IotClient) => client.disconnect({ flushTimeoutMs: 0 })],
    ['flushing', 'closed', (client: IotClient) => client.close({ flushTimeoutMs: 0 })],
    ['closing', 'closed', (client: IotClient) => client.close({ flushTimeoutMs: 0 })],
  ] as const)('%s: a flushTimeoutMs of 0 shortens the end that is going on, to %s', async (from, to, end) => {
    const scene = await sceneIn(theCore(), from);
    const puback = scene.hold({ packet: 'puback' });
    const ending = end(scene.client);
    scene.clock.advance(0);
    await settled();
    // The broker's end of the line waits behind the PUBACK that is held: the client waits for it no longer than this.
    scene.clock.advance(1_000);
    await settled();
    expect(scene.client.status.state).toBe(to);
    await ending;
    puback.release();
    await scene.play(() => []);
  });

  it.each(['backingOff', 'slow', 'once'])('%s: networkOnline() tries at once', async (state) => {
    const scene = await sceneIn(theCore(), state);
    scene.signIn.signInDoor.shut();
    scene.client.networkOnline();
    expect(scene.machines).toBe('{"line":{"connecting":"signingIn"}}');
    await scene.play(() => []);
  });

  it('quiet: no call has anything written before the quiet is over', async () => {
    const scene = await sceneIn(theCore(), 'quiet');
    const { client, clientId } = scene;
    const written = (): number => theCore().tap.packets({ direction: 'toBroker', clientId }).length;
    const before = written();
    const calls: Promise<unknown>[] = [
      client.connect(),
      client.publish('a', 'b', { qos: 1 }),
      client.publish('a', 'b'),
    ];
    calls.push(client.unsubscribe(KNOWN));
    const subscribing = client.subscribe('new', () => undefined);
    client.networkOnline();
    await settled();
    expect([written(), scene.machines.includes('quiet')]).toEqual([before, true]);
    expect(await scene.play(() => [...calls, subscribing])).toBe(
      'live ok queued>ok queued>ok ok recorded>ok',
    );
  });
});
