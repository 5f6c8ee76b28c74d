import { stripVTControlCharacters, styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];

/** Not narrower than words need, not wider than eyes like. A pipe has no width, and lines must not differ by it. */
const WIDTH = { min: 60, max: 100, ofPipe: 80 };

/** What a terminal obeys instead of showing it. */
const STEERING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Where the command line speaks: lines only, no cursor movement, so that a log reads as the screen does. */
export class Terminal {
  readonly #stream: NodeJS.WriteStream;
  readonly #isColoured: boolean;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.#isColoured = stream.isTTY && stream.hasColors();
  }

  get width(): number {
    // A pipe has no `columns`, whatever the types say.
    const columns = (this.#stream.columns as number | undefined) ?? WIDTH.ofPipe;
    return Math.min(Math.max(columns, WIDTH.min), WIDTH.max);
  }

  /** Colours for a terminal that has them: none in a pipe, none with `NO_COLOR`. */
  style(style: Style, text: string): string {
    // Asked of the stream here: styleText of Node 20 does not ask for a list of styles.
    return this.#isColoured ? styleText(style, text, { validateStream: false }) : text;
  }

  line(text = ''): void {
    this.#stream.write(`${text}\n`);
  }

  /** Text of any length, indented and wrapped between words. */
  paragraph(text: string, indent = 2): void {
    for (const row of wrap(text, this.width - indent)) this.line(`${' '.repeat(indent)}${row}`);
  }

  /** An entry of a log. A terminal wraps it below itself; in a pipe it is one line, whatever it says, for what reads it. */
  entry(label: string, text: string): void {
    const harmless = text.replace(STEERING, '�');
    const indent = stripVTControlCharacters(label).length + 1;
    const rows = this.#stream.isTTY ? wrap(harmless, this.width - indent) : [harmless];
    this.line(`${label} ${rows.join(`\n${' '.repeat(indent)}`)}`);
  }
}

/** Breaks each line of a text between words into rows that are at most so wide; a longer word keeps a row for itself. */
export function wrap(text: string, width: number): readonly string[] {
  return text.split('\n').flatMap((line) => wrapLine(line, width));
}

function wrapLine(line: string, width: number): readonly string[] {
  const rows: string[] = [];
  let row = '';
  // A number keeps its unit.
  for (const word of line.split(/ (?!m?s\b)/)) {
    const longer = row === '' ? word : `${row} ${word}`;
    if (longer.length > width && row !== '') {
      rows.push(row);
      row = word;
    } else {
      row = longer;
    }
  }
  return [...rows, row];
}

/** `0.19 s`, `12 ms`: as precise as a reader can use. */
export function duration(ms: number): string {
  if (ms < 0.5) return 'under 1 ms';
  if (ms < 100) return `${Math.round(ms)} ms`;
  return `${(ms / 1_000).toFixed(2)} s`;
}

/** Times that somebody chose: `250 ms`, `2 s`. */
export function setting(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`;
}

export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}
