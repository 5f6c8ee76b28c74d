import { describe, expect, it } from 'vitest';
import { STATES as STATUS_STATES } from '../../src/client/status.ts';
import { emittedAfterClosed } from '../support/invariants.ts';
import { CALLERS } from './every-state-callers.ts';
import { STATES, sceneIn } from './every-state-support.ts';
import { CALLS } from './every-state-table.ts';
import { useCore } from './support.ts';

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
