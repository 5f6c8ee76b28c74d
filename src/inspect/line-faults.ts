import { wholeNumber } from '../client/checks.ts';
import { IotError } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import type { FaultName } from './feed.ts';

/** What the page can do to the line: as much of the `faults` of a local core as is there. */
export interface LineFaults {
  /** Resets all connections. */
  dropConnections?(): unknown;
  /** Lets nothing through, and tells nobody. */
  freeze?(): unknown;
  /** Ends `freeze`. */
  thaw?(): unknown;
  /** Refuses new connections. */
  stopListening?(): unknown;
  /** Ends `stopListening`. */
  listen?(): unknown;
  /** Answers the next CONNECTs with this return code. */
  refuse?(refused: { readonly returnCode: number; readonly times: number }): unknown;
}

/** Whatever has such faults, such as what `startLocalIotCore()` gives. */
export interface FaultyCore {
  /** The page has a button for each that is there. */
  readonly faults: LineFaults;
}

const NAMES = [
  'dropConnections',
  'freeze',
  'thaw',
  'stopListening',
  'listen',
  'refuse',
] as const satisfies readonly FaultName[];

/** The server is unavailable: what the client tries again after. */
const DEFAULT_RETURN_CODE = 3;
const MAX_TIMES = 1_000;

export function faultsOf(core: FaultyCore | undefined): FaultName[] {
  return NAMES.filter((name) => typeof core?.faults[name] === 'function');
}

/**
 * Does to the line what a button says.
 *
 * @throws IotError `INVALID_ARGUMENT`
 */
export async function injectFault({ faults }: FaultyCore, name: FaultName, body: object): Promise<void> {
  if (name !== 'refuse') {
    checkFields('the body', body, []);
    await faults[name]?.();
    return;
  }
  checkFields('the body', body, ['returnCode', 'times']);
  const { returnCode = DEFAULT_RETURN_CODE, times = 1 } = body as Record<string, unknown>;
  await faults.refuse?.({
    returnCode: wholeNumber('returnCode', returnCode, 1, 255),
    times: wholeNumber('times', times, 0, MAX_TIMES),
  });
}

export const isInvalid = (error: unknown): boolean => IotError.is(error) && error.code === 'INVALID_ARGUMENT';
