// What holds for everything that is fuzzed, whatever it is: nothing is thrown that nobody catches, and what is told of a failure
// is an error of ours, short, and harmless to print.

/** What the hostile values of a case throw by themselves: whoever calls with them may get it back. */
export class OwnFault extends Error {
  name = 'OwnFault';
}

/** The longest message of an error: three texts of strangers, cut, and the words around them. */
const MOST_CHARACTERS = 2_000;
/** Strangers' texts are runs of one letter in the cases: no error may show more of them than this. */
const MOST_OF_A_STRANGER = 64;
const LONG_RUN = new RegExp(`R{${MOST_OF_A_STRANGER + 1}}`);
const STEERS_A_TERMINAL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** How long one case may take before it is taken for one that never ends. */
export const CASE_LIMIT_MS = 8_000;

/** @param {boolean} isTrue @param {string | (() => string)} claim */
export function claim(isTrue, claim) {
  if (!isTrue) throw new Error(typeof claim === 'string' ? claim : claim());
}

/**
 * Whether this is what a call may fail with.
 *
 * @param {unknown} error @param {string} where @param {readonly string[]} [secrets] what it must not show
 */
export function judgeError(error, where, secrets = []) {
  if (error instanceof OwnFault) return;
  if (isNoPort(error)) return;
  const isOurs = typeof error === 'object' && error !== null && 'recovery' in error && 'code' in error;
  claim(isOurs, () => `${where}: failed with ${shownWith(error)}`);
  const { code, message, remediation } =
    /** @type {{ code: string, message: string, remediation?: string }} */ (error);
  claim(code !== 'INTERNAL', () => `${where}: ${shownWith(error)}`);
  judgeText(message, `${where}: the message`, secrets);
  if (remediation !== undefined) judgeText(remediation, `${where}: the remediation`, secrets);
}

/** What the system says of a port that others have is passed on by tools that listen. @param {unknown} error */
function isNoPort(error) {
  const { syscall, code } = /** @type {NodeJS.ErrnoException} */ (error ?? {});
  return syscall === 'listen' && (code === 'EADDRINUSE' || code === 'EACCES');
}

/** @param {string} text @param {string} where @param {readonly string[]} [secrets] */
export function judgeText(text, where, secrets = []) {
  claim(text.length <= MOST_CHARACTERS, () => `${where} has ${text.length} characters`);
  claim(!STEERS_A_TERMINAL.test(text), () => `${where} has control characters: ${JSON.stringify(text)}`);
  claim(!LONG_RUN.test(text), () => `${where} shows too much of what came: ${text}`);
  for (const secret of secrets) claim(!text.includes(secret), () => `${where} shows a secret: ${text}`);
}

/** @param {unknown} error */
export function shownWith(error) {
  try {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  } catch {
    return 'what cannot be shown';
  }
}

/** The prototype that all objects share must stay as it was. */
const INHERITED = Reflect.ownKeys(Object.prototype).length;

export function judgePrototype() {
  const keys = Reflect.ownKeys(Object.prototype);
  claim(keys.length === INHERITED, () => `Object.prototype has become ${keys.map(String).join(', ')}`);
}

/** @returns {Promise<void>} */
export const turn = () => new Promise((resolve) => setImmediate(resolve));

/** @param {number} count */
export async function turns(count) {
  for (let i = 0; i < count; i++) await turn();
}

/** @param {number} ms @returns {Promise<void>} */
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Settles as the promise does, or fails when that takes too long.
 *
 * @template T
 * @param {PromiseLike<T> | T} promise @param {string} what @param {number} [limitMs]
 * @returns {Promise<T>}
 */
export async function within(promise, what, limitMs = CASE_LIMIT_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not end within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What reached the process itself while a case ran. */
export class Faults {
  /** @type {string[]} */
  #seen = [];

  /** @param {NodeJS.Process} process */
  watch(process) {
    const note = (/** @type {string} */ kind) => (/** @type {unknown} */ error) => {
      if (!(error instanceof OwnFault)) this.#seen.push(`${kind}: ${shownWith(error)}`);
    };
    process.on('uncaughtException', note('uncaught exception'));
    process.on('unhandledRejection', note('unhandled rejection'));
    process.on('warning', note('warning of the process'));
    return this;
  }

  /** Throws what was seen since the last time. */
  judge() {
    const seen = this.#seen.splice(0);
    if (seen.length > 0) throw new Error(seen.join('\n'));
  }
}

/**
 * @typedef {object} Target what is fuzzed with what
 * @property {import('fast-check').Arbitrary<any>} cases plain JSON, so that a case can be kept
 * @property {(given: any) => Promise<void>} check throws what is wrong
 * @property {() => Promise<void>} close
 */

/**
 * Runs one case, and judges what it did to the process too.
 *
 * @param {Target} target @param {unknown} given @param {Faults} [faults]
 */
export async function runCase(target, given, faults) {
  await within(target.check(given), 'the case');
  // Rejections that nobody handles are told at the end of a turn.
  await turns(2);
  judgePrototype();
  faults?.judge();
}
