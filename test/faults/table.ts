import type { Fault } from './catalogue.ts';

/** One test that has run: its whole title, and whether it passed. */
export interface Outcome {
  readonly title: string;
  readonly passed: boolean;
}

export interface Verdict {
  readonly fault: Fault;
  readonly result: string;
}

/** What became of each row, and everything that is wrong with tests and catalogue. */
export interface Judgement {
  readonly verdicts: readonly Verdict[];
  readonly complaints: readonly string[];
}

/** The title of a test that shows a row. */
export const NAMES_A_ROW = /fault:[A-Z]/;

/** An id of a fault, or of an invariant, in a title. */
const ID = /fault:([A-Z]+-?\d+)/g;

/** The whole of a row, in columns: id, fault, expected, result. Their sum, with two spaces between, is what a terminal has. */
const WIDTHS = [4, 36, 52, 22] as const;

/** Which rows the tests show. A row needs a test, or a reason why there is none, and not both. */
export function judge(
  rows: readonly Fault[],
  outcomes: readonly Outcome[],
  reasons: Readonly<Record<string, string>>,
): Judgement {
  const of = byId(outcomes);
  const known = new Set(rows.map(({ id }) => id));
  const unknown = [...of.keys(), ...Object.keys(reasons)].filter((id) => !known.has(id));
  const complaints = unknown.map((id) => `${id}: there is no such row`);
  const verdicts = rows.map((fault): Verdict => {
    const { result, complaint } = verdictOf(of.get(fault.id) ?? [], reasons[fault.id]);
    if (complaint !== undefined) complaints.push(`${fault.id}: ${complaint}`);
    return { fault, result };
  });
  return { verdicts, complaints };
}

function verdictOf(
  outcomes: readonly Outcome[],
  reason: string | undefined,
): { readonly result: string; readonly complaint?: string } {
  const failed = outcomes.filter(({ passed }) => !passed).length;
  if (failed > 0) {
    const result = `FAILED, ${failed} of ${counted(outcomes.length)}`;
    return { result, complaint: result };
  }
  if (reason !== undefined) {
    const result = `cannot run here: ${reason}`;
    return outcomes.length === 0 ? { result } : { result, complaint: 'has a test, and a reason for none' };
  }
  if (outcomes.length === 0) return { result: 'no test', complaint: 'has neither a test nor a reason' };
  return { result: `passed, ${counted(outcomes.length)}` };
}

const counted = (tests: number): string => `${tests} test${tests === 1 ? '' : 's'}`;

function byId(outcomes: readonly Outcome[]): Map<string, Outcome[]> {
  const of = new Map<string, Outcome[]>();
  for (const outcome of outcomes) {
    const ids = new Set([...outcome.title.matchAll(ID)].map(([, id = '']) => id));
    for (const id of ids) of.set(id, [...(of.get(id) ?? []), outcome]);
  }
  return of;
}

/** The verdicts as text, for a terminal of 120 columns. */
export function drawn(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ fault, result }) => [fault.id, fault.fault, fault.expected, result]);
  const head = ['id', 'fault', 'expected', 'result'];
  const rule = WIDTHS.map((width) => '-'.repeat(width));
  return [head, rule, ...rows].flatMap(linesOf).join('\n');
}

/** A row in as many lines as its longest cell needs. */
function linesOf(cells: readonly string[]): string[] {
  const wrapped = WIDTHS.map((width, column) => wrap(cells[column] ?? '', width));
  const height = Math.max(...wrapped.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) =>
    WIDTHS.map((width, column) => (wrapped[column]?.[line] ?? '').padEnd(width))
      .join('  ')
      .trimEnd(),
  );
}

/** The words of a text, in lines of at most so many columns; only a word that is longer than that is cut. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').map((whole) => whole.slice(0, width))) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
