import type { LocalIotCoreWarning, Tap, TapRecord } from '../local/index.ts';
import { describe } from '../protocol/errors.ts';
import { duration, type Style, type Terminal } from './terminal.ts';

/** A connection, as far as its packets have told. */
interface Visit {
  readonly clientId: string;
  readonly clean: boolean;
  isConnected: boolean;
  hasSaidGoodbye: boolean;
  lastHeardAt: number;
}

const STYLE_OF = { '→': 'green', '←': 'gray', '!': 'yellow' } as const satisfies Record<string, Style>;

const SILENCE_WORTH_A_WORD_MS = 1_000;
const SHOWN_NAME_CHARACTERS = 64;

/** What happens at a core while it runs, an entry each: who comes and goes, and what AWS would not do. */
export class LocalLog {
  readonly #terminal: Terminal;
  readonly #visits = new Map<number, Visit>();

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  warn({ message }: LocalIotCoreWarning): void {
    this.#entry('!', message);
  }

  /** Tells of clients. Those that the end of the core sends away are not worth a word. */
  watch(tap: Pick<Tap, 'on'>, end: AbortSignal): void {
    const ignore = tap.on((record) => this.#saw(record));
    end.addEventListener('abort', ignore, { once: true });
  }

  #saw(record: TapRecord): void {
    const { connection, packet, clientId = '', clean = true, at } = record;
    if (packet === 'connect') {
      const unheard = { isConnected: false, hasSaidGoodbye: false, lastHeardAt: at };
      this.#visits.set(connection, { clientId, clean, ...unheard });
    }
    const visit = this.#visits.get(connection);
    if (visit === undefined) return;
    if (packet === 'connack') this.#answered(visit, record);
    if (packet === 'disconnect') visit.hasSaidGoodbye = true;
    if (packet === 'end') this.#ended(visit, record);
    if (record.direction === 'toBroker') visit.lastHeardAt = at;
  }

  #answered(visit: Visit, { returnCode, sessionPresent = false }: TapRecord): void {
    if (returnCode !== 0) return;
    visit.isConnected = true;
    const kept = sessionPresent ? 'finds its session again' : 'begins a persistent session';
    this.#entry('→', `${nameOf(visit)} connects${visit.clean ? '' : ` and ${kept}`}`);
  }

  #ended(visit: Visit, { connection, direction, at }: TapRecord): void {
    this.#visits.delete(connection);
    if (!visit.isConnected) return;
    const how = direction === 'toClient' ? this.#howTheCoreEnded(visit, at) : 'its line broke';
    this.#entry('←', `${nameOf(visit)} leaves: ${visit.hasSaidGoodbye ? 'it said goodbye' : how}`);
  }

  #howTheCoreEnded({ clientId, lastHeardAt }: Visit, at: number): string {
    const isReplaced = [...this.#visits.values()].some((other) => other.clientId === clientId);
    if (isReplaced) return 'another connection has its client id now';
    const silenceMs = at - lastHeardAt;
    const silence = silenceMs < SILENCE_WORTH_A_WORD_MS ? '' : ` after ${duration(silenceMs)} of silence`;
    return `the core closed its line${silence}`;
  }

  #entry(symbol: keyof typeof STYLE_OF, text: string): void {
    const time = new Date().toTimeString().slice(0, 'HH:MM:SS'.length);
    const label = `${this.#terminal.style('dim', time)}  ${this.#terminal.style(STYLE_OF[symbol], symbol)}`;
    this.#terminal.entry(label, text);
  }
}

/** As it is when it is harmless: it is a stranger's text. */
function nameOf({ clientId }: Visit): string {
  return /^[\w.:-]{1,64}$/.test(clientId) ? clientId : describe(clientId, SHOWN_NAME_CHARACTERS);
}
