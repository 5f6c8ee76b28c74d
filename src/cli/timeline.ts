import type { Status, StatusState } from '../index.ts';
import { type Style, type Terminal, wrap } from './terminal.ts';

const STYLE_OF = {
  idle: 'gray',
  connecting: 'yellow',
  resubscribing: 'yellow',
  draining: 'cyan',
  live: 'green',
  backingOff: 'red',
  disconnecting: 'gray',
  failed: 'red',
  closed: 'gray',
} as const satisfies Record<StatusState, Style>;

const STYLE_OF_ARROW = { '↑': 'yellow', '↓': 'cyan', '↕': 'green', '✗': 'red' } as const satisfies Record<
  string,
  Style
>;

const STYLE_OF_SHADOW = { '◇': 'yellow', '◆': 'green' } as const satisfies Record<string, Style>;

const TIME_WIDTH = 9;
const NAME_WIDTH = 15;
const LABEL_WIDTH = 7;

/**
 * The story as it happens: the seconds since the start, the device's state where it changes, and what is going on. A rail
 * in the colour of the state runs along everything else.
 */
export class Timeline {
  readonly #terminal: Terminal;
  readonly #start = performance.now();
  #state: StatusState = 'idle';
  #isBegun = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** The device entered a state. */
  state({ state }: Status, text: string): void {
    this.#state = state;
    this.#row(this.#terminal.style(['bold', STYLE_OF[state]], `● ${state.padEnd(NAME_WIDTH - 2)}`), text);
  }

  /** Something happened in the state that the device is in. */
  event(text: string): void {
    this.#row(this.#rail, text);
  }

  /** Something happened to a message. */
  message(arrow: keyof typeof STYLE_OF_ARROW, id: number, text: string): void {
    this.#row(
      this.#rail,
      text,
      this.#terminal.style(STYLE_OF_ARROW[arrow], `${arrow} #${id}`.padEnd(LABEL_WIDTH)),
    );
  }

  /** Something happened to the shadow of the device, which has this version then. */
  shadow(mark: keyof typeof STYLE_OF_SHADOW, version: number, text: string): void {
    const label = `${mark} v${version}`.padEnd(LABEL_WIDTH);
    this.#row(this.#rail, text, this.#terminal.style(STYLE_OF_SHADOW[mark], label));
  }

  /** Something happened to the world around the device: a new chapter. */
  world(name: string, text: string): void {
    if (this.#isBegun) this.#terminal.line();
    this.#isBegun = true;
    this.#row(this.#terminal.style(['bold', 'magenta'], `▲ ${name.padEnd(NAME_WIDTH - 2)}`), text);
  }

  get #rail(): string {
    return this.#terminal.style(STYLE_OF[this.#state], '│'.padEnd(NAME_WIDTH));
  }

  #row(name: string, text: string, label = ''): void {
    const seconds = ((performance.now() - this.#start) / 1_000).toFixed(2);
    const time = this.#terminal.style('dim', `${seconds} s`.padStart(TIME_WIDTH));
    const [first = '', ...more] = wrap(text, this.#terminal.width - TIME_WIDTH - NAME_WIDTH - 4);
    this.#terminal.line(`${time}  ${name}  ${label}${first}`);
    for (const row of more) this.#terminal.line(`${' '.repeat(TIME_WIDTH)}  ${this.#rail}  ${row}`);
  }
}
