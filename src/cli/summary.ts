import type { ShadowOutcome } from './shadow-scene.ts';
import type { TallyReport } from './tally.ts';
import { duration, type Terminal } from './terminal.ts';

/** What the way back took, in milliseconds. */
export interface WayBack {
  readonly brokerAway: number;
  /** From the broker's return to the attempt that worked: the rest of a backoff. */
  readonly waiting: number;
  readonly connecting: number;
  readonly draining: number;
}

/** What only a run on a local core has. */
export interface Story {
  readonly wayBack: WayBack;
  readonly shadow: ShadowOutcome;
}

/** The sums of a run. All of them are counted from what really came back. */
export function printSummary(terminal: Terminal, report: TallyReport, story?: Story): void {
  const { sent, received, lost, duplicated, outOfOrder, queued } = report;
  const row = (name: string, value: string | number, note = ''): void => {
    const cells = `  ${name.padEnd(22)}${String(value).padStart(8)}`;
    terminal.line(note === '' ? cells : `${cells}   ${terminal.style('dim', note)}`);
  };
  terminal.line();
  terminal.line(terminal.style('bold', '  Summary'));
  row('sent', sent, 'numbered readings, QoS 1');
  row('received', received, 'different numbers that came back');
  row('lost', lost);
  row('duplicated', duplicated, 'QoS 1 allows it: at least once');
  row('out of order', outOfOrder);
  row('queued', queued, 'published while there was no live line');
  if (story !== undefined) {
    const { brokerAway, waiting, connecting, draining } = story.wayBack;
    const { isInSync, withLineMs, withoutLineMs } = story.shadow;
    row('broker away', duration(brokerAway));
    row('broker back to live', duration(waiting + connecting + draining), 'of which');
    row('  waiting', duration(waiting), 'the rest of the backoff');
    row('  connecting', duration(connecting), 'TLS, CONNACK, subscriptions');
    row('  draining', duration(draining), 'what was queued, in order');
    row('shadow', isInSync ? 'in sync' : 'differs', 'what is desired, and what is reported');
    row('  with a line', reportedAfter(withLineMs), 'from desired to reported');
    row('  without one', reportedAfter(withoutLineMs), 'from live to reported');
  }
  terminal.line();
  terminal.line(
    isFlawless(report, story?.shadow)
      ? terminal.style(['bold', 'green'], `  ✔ ${goodEnd(story)}`)
      : terminal.style(['bold', 'red'], `  ✗ ${badEnd(report, story)}`),
  );
}

/** Nothing lost, nothing out of order, no shadow that differs. A duplicate is no fault: QoS 1 means at least once. */
export function isFlawless({ sent, lost, outOfOrder }: TallyReport, shadow?: ShadowOutcome): boolean {
  return sent > 0 && lost === 0 && outOfOrder === 0 && shadow?.isInSync !== false;
}

function reportedAfter(ms: number | undefined): string {
  return ms === undefined ? 'never' : duration(ms);
}

function goodEnd(story: Story | undefined): string {
  return story === undefined
    ? 'nothing was lost, and everything came in order'
    : 'nothing was lost, everything came in order, and the shadow is in sync';
}

function badEnd({ lost, outOfOrder }: TallyReport, story: Story | undefined): string {
  const sums = `${lost} lost, ${outOfOrder} out of order`;
  return story?.shadow.isInSync === false ? `${sums}, and what is reported is not what is desired` : sums;
}
