import { describe, IotError } from '../protocol/errors.ts';

const NO_ROOM_CODES: readonly unknown[] = ['ENOSPC', 'EDQUOT'];
// LevelDB has no codes for what the system says, only its words.
const NO_ROOM_WORDS = /no space left|disk quota|not enough space/i;

/** A path whole, because it is what somebody must look at; and harmless to print. */
export function shown(path: string): string {
  return JSON.stringify(path).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}');
}

/** What the file system or LevelDB threw, as an error of a store; one that already is passes. */
export function storeError(directory: string, doing: string, thrown: unknown): IotError {
  if (IotError.is(thrown)) return thrown;
  const cause = rootOf(thrown);
  const { code, message } = cause as { code?: unknown; message?: unknown };
  const said = String(message);
  if (NO_ROOM_CODES.includes(code) || NO_ROOM_WORDS.test(said)) {
    return new IotError(
      'STORE_FULL',
      `the disk of the durable queue in ${shown(directory)} has no room left`,
      { remediation: 'Free some of it; the queue goes on by itself then.', cause: thrown },
    );
  }
  return new IotError(
    'STORE_FAILED',
    `the durable queue in ${shown(directory)} cannot be ${doing}: ${describe(reasonIn(said))}`,
    {
      remediation:
        'See that the directory is there, on a healthy disk, and that this process may write to it.',
      cause: thrown,
    },
  );
}

/** The code of LevelDB for what it failed of; opening hides it below an error of its own. */
export function levelCodeOf(thrown: unknown): unknown {
  return (rootOf(thrown) as { code?: unknown }).code;
}

/** The error at the bottom: the ones above only say that there is one below. */
export function rootOf(thrown: unknown): object {
  if (typeof thrown !== 'object' || thrown === null) return { message: String(thrown) };
  const { cause } = thrown as { cause?: unknown };
  return typeof cause === 'object' && cause !== null ? rootOf(cause) : thrown;
}

/** Without the paths: of `IO error: /a/b/3.log: Input/output error` the end, of `EACCES: permission denied, open '/a'` the start. */
function reasonIn(message: string): string {
  const said = message.startsWith('IO error: ') ? message.slice(message.lastIndexOf(': ') + 2) : message;
  return said.replace(/, \w+ '.*$/s, '');
}
