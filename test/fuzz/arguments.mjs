// Arguments that no type would let through, for every function that apps call: each call works, or fails at once by an error of
// ours, and nothing of it comes back later.
import fc from 'fast-check';
import { CALLS, forgotten } from './calls.mjs';
import { hostile, hostileValue } from './hostile.mjs';
import { claim, judgeError, turns, within } from './judge.mjs';

/** Fields that options do not have. */
const STRANGERS = ['stranger', '__proto__', 'R'.repeat(200), 'k\u001b[31m\n'];
/** A file would be made wherever such a text points to. */
const IS_PATH = /directory$/;
/** What still waits after that waits rightly, for a line or an answer, and ends with its client. */
const ENDS_WITHIN_MS = 200;

/** @param {import('./packages.mjs').Packages} packages @returns {Promise<import('./judge.mjs').Target>} */
export async function openArguments(packages) {
  const core = await packages.local.startLocalIotCore();
  const templates = await withWorld(packages, core, async (world) => {
    const missing = forgotten(world);
    claim(missing.length === 0, `nothing calls ${missing.join(', ')}: see calls.mjs`);
    return Object.entries(CALLS).map(([name, { args }]) => ({ name, places: placesIn(args(world)) }));
  });
  return {
    cases: fc.constantFrom(...templates).chain(({ name, places }) =>
      fc.record({
        call: fc.constant(name),
        wrong: fc.array(
          fc.record({
            at: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...places) }, stranger(places)),
            value: hostile,
          }),
          { minLength: 1, maxLength: 2 },
        ),
      }),
    ),
    check: (given) => withWorld(packages, core, (world) => attempt(world, given)),
    close: () => core.stop(),
  };
}

/** @param {(string | number)[][]} places */
const stranger = (places) =>
  fc
    .tuple(fc.constantFrom(...places), fc.constantFrom(...STRANGERS))
    .map(([at, name]) => [...at.slice(0, -1), name]);

/** Every place in the arguments that can hold something else. @param {unknown} value @param {(string | number)[]} at @returns {(string | number)[][]} */
function placesIn(value, at = []) {
  const isPlain = Array.isArray(value) || Object.getPrototypeOf(value ?? 0) === Object.prototype;
  const below = isPlain && at.length < 5 ? Object.entries(/** @type {object} */ (value)) : [];
  const inside = below.flatMap(([name, one]) =>
    placesIn(one, [...at, Array.isArray(value) ? Number(name) : name]),
  );
  return at.length === 0 ? [...inside, [0]] : [at, ...inside];
}

/**
 * @template T
 * @param {import('./packages.mjs').Packages} packages @param {any} core
 * @param {(world: import('./calls.mjs').World) => Promise<T>} use
 */
async function withWorld(packages, core, use) {
  const broker = await packages.testing.ScriptedBroker.start();
  const client = packages.root.createIotClient({ ...broker.clientOptions('fuzz'), protocolVersion: 5 });
  client.on('handlerError', () => {});
  try {
    await client.connect();
    return await use({ packages, broker, client, shadow: client.shadow('thing'), core });
  } finally {
    await within(client.close({ flushTimeoutMs: 0 }), 'close()');
    await within(broker.stop(), 'stop()');
  }
}

/** @param {import('./calls.mjs').World} world @param {any} given */
async function attempt(world, given) {
  const { on, name, args, use } = /** @type {import('./calls.mjs').Call} */ (CALLS[given.call]);
  const whose = /** @type {any} */ (on(world));
  const values = args(world);
  for (const { at, value } of given.wrong) put(values, at, value);
  try {
    const made = whose[name](...values);
    const result = await settled(made);
    if (result === PENDING) return;
    await within(use?.(result, world), 'using it');
    await turns(3);
  } catch (error) {
    judgeError(error, `${given.call}()`);
  }
}

const PENDING = Symbol('pending');

/** What waits for something ends with its client, or by itself soon. @param {any} made */
async function settled(made) {
  if (!(made instanceof Promise)) return made;
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve(PENDING), ENDS_WITHIN_MS);
  });
  try {
    return await Promise.race([made, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** @param {any} values @param {(string | number)[]} at @param {any} value */
function put(values, at, value) {
  const made = hostileValue(value);
  const last = at.at(-1) ?? 0;
  if (typeof made === 'string' && IS_PATH.test(String(last))) return;
  try {
    let inside = values;
    for (const step of at.slice(0, -1)) inside = inside[step];
    Object.defineProperty(inside, last, {
      value: made,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  } catch {
    // What an earlier one has put there takes nothing.
  }
}
