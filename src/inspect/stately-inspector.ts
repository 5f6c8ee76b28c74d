import type { createInspector } from '@statelyai/inspect';
import type { InspectionEvent, Observer } from 'xstate';
import { type Clock, systemClock } from '../protocol/clock.ts';
import { loadOptionalPeer } from '../protocol/optional-peer.ts';
import type { PayloadMode } from './payload-size.ts';
import { redactor } from './redact.ts';
import { StatelyRedaction } from './stately-event.ts';
import { StatelyHistory, type StatelyMessage } from './stately-history.ts';
import { StatelyTap } from './stately-tap.ts';
import { settledWithin } from './stately-wait.ts';
import { unlessItThrows } from './unless-it-throws.ts';

/** What shows running machines in a viewer of Stately. */
export interface StatelyInspector extends AsyncDisposable {
  /** For `createIotClient({ …, inspect })` or `createActor(machine, { inspect })`; any number of them may share it. */
  readonly inspect: Observer<InspectionEvent>;
  /** What a person opens in a browser to see it; undefined where a window is open already, or another server shows it. */
  readonly url: string | undefined;
  /** Sends what has happened until now, and ends everything that was started. Actors may go on; they are not seen any more. */
  close(): Promise<void>;
}

/** Where messages go. They are JSON, and have been through the redactor. */
export interface StatelyOutlet {
  readonly url: string | undefined;
  send(message: string): void;
  close(): Promise<void>;
}

/** @param replay what somebody has to be told first who begins to listen */
export type OpenOutlet = (replay: () => readonly string[]) => StatelyOutlet | Promise<StatelyOutlet>;

interface StatelyPackage {
  readonly createInspector: typeof createInspector;
}

const PEER = {
  name: '@statelyai/inspect',
  neededBy: 'the inspector of Stately',
  install: 'npm install --save-dev @statelyai/inspect@0.7',
} as const;

/** Our redaction bounds what matters; a definition that is cut would be no machine. */
const NO_DEPTH_LIMIT = 1_000;
const LONGEST_CONVERSION_MS = 1_000;

export async function inspectorOf(
  payloads: PayloadMode,
  openOutlet: OpenOutlet,
  clock: Clock = systemClock,
): Promise<StatelyInspector> {
  const peer = await loadOptionalPeer<StatelyPackage>(PEER, () => import('@statelyai/inspect'));
  const history = new StatelyHistory();
  const outlet = await openOutlet(() => history.replay());
  const redaction = new StatelyRedaction(redactor({ payloads }));
  let converting = 0;
  let converted = (): void => {};
  const send = (message: StatelyMessage): void => {
    outlet.send(history.add(message));
    converting -= 1;
    if (converting === 0) converted();
  };
  const stately = peer.createInspector({ send }, { serializationDepthLimit: NO_DEPTH_LIMIT });
  const tap = new StatelyTap({
    clock,
    take: (event) => {
      const redacted = unlessItThrows(() => redaction.redact(event));
      if (redacted === undefined) return;
      // It converts when the process is idle.
      converting += 1;
      stately.inspect.next?.(redacted);
    },
  });
  const end = async (): Promise<void> => {
    tap.close();
    const isConverted = new Promise<void>((resolve) => (converted = resolve));
    // A page that nobody looks at is never idle: what it did not convert by then is not sent.
    if (converting > 0) await settledWithin(clock, LONGEST_CONVERSION_MS, isConverted);
    await outlet.close();
  };
  let ending: Promise<void> | undefined;
  const close = (): Promise<void> => (ending ??= end());
  return { inspect: tap.observer, url: outlet.url, close, [Symbol.asyncDispose]: close };
}
