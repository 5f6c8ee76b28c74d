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

/** The sums of a run. All of them are counted from what really came back. */
export function printSummary(terminal: Terminal, report: TallyReport, wayBack?: WayBack): void {
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
  if (wayBack !== undefined) {
    const { brokerAway, waiting, connecting, draining } = wayBack;
    row('broker away', duration(brokerAway));
    row('broker back to live', duration(waiting + connecting + draining), 'of which');
    row('  waiting', duration(waiting), 'the rest of the backoff');
    row('  connecting', duration(connecting), 'TLS, CONNACK, subscriptions');
    row('  draining', duration(draining), 'what was queued, in order');
  }
  terminal.line();
  const isGood = isFlawless(report);
  terminal.line(
    isGood
      ? terminal.style(['bold', 'green'], '  ✔ nothing was lost, and everything came in order')
      : terminal.style(['bold', 'red'], `  ✗ ${lost} lost, ${outOfOrder} out of order`),
  );
}

/** Nothing lost, nothing out of order. A duplicate is no fault: QoS 1 means at least once. */
export function isFlawless({ sent, lost, outOfOrder }: TallyReport): boolean {
  return sent > 0 && lost === 0 && outOfOrder === 0;
}
