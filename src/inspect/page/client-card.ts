import type { ClientView } from '../feed.ts';
import { element, mark, svgElement, write } from './element.ts';
import type { Depth } from './feed-store.ts';
import { deepest, steps } from './sparkline.ts';
import { attemptWords, wordsOf } from './state-words.ts';
import { countdown } from './time-words.ts';

const SPARK = { width: 160, height: 36 };

/** One client at a glance: how its line is, when it is tried again, what waits. */
export class ClientCard {
  readonly element = element('article', 'client');
  readonly #name = element('h2', 'client-name');
  readonly #state = element('span', 'client-state');
  readonly #sentence = element('p', 'client-sentence');
  readonly #reason = element('p', 'client-reason');
  readonly #left = element('span', 'client-left');
  readonly #part = element('div', 'client-part');
  readonly #retry: HTMLElement;
  readonly #queued = element('span', 'figure');
  readonly #inFlight = element('span', 'figure');
  readonly #most = element('span', 'figure-note');
  readonly #line = svgElement('path', { class: 'spark-line' });
  readonly #area = svgElement('path', { class: 'spark-area' });
  /** When the wait that is counted down was first seen, and until when it lasts. */
  #wait = { from: 0, until: 0 };

  constructor(choose: () => void) {
    mark(this.#left, { role: 'timer', 'aria-label': 'next attempt in' });
    this.#retry = element(
      'div',
      'client-retry',
      element('span', 'figure-name', 'next attempt in'),
      this.#left,
      element('div', 'client-whole', this.#part),
    );
    const spark = svgElement('svg', {
      class: 'spark',
      viewBox: `0 -2 ${SPARK.width} ${SPARK.height + 4}`,
      preserveAspectRatio: 'none',
      'aria-hidden': 'true',
    });
    spark.append(this.#area, this.#line);
    const open = element('button', 'client-open', this.#name);
    open.type = 'button';
    open.title = 'Show its connection';
    open.addEventListener('click', choose);
    this.element.append(
      element(
        'div',
        'client-body',
        element(
          'div',
          'client-about',
          element('div', 'client-head', element('span', 'client-lamp'), open, this.#state),
          this.#sentence,
        ),
        this.#retry,
        element('div', 'stat stat-queued', element('span', 'figure-name', 'queued'), this.#queued),
        element('div', 'stat', element('span', 'figure-name', 'last minute ', this.#most), spark),
        element('div', 'stat', element('span', 'figure-name', 'in flight'), this.#inFlight),
        this.#reason,
      ),
    );
  }

  show(client: ClientView, course: readonly Depth[], now: number): void {
    const { title, sentence, tone } = wordsOf(client);
    mark(this.element, {
      'data-tone': tone,
      'data-client': client.clientId,
      'data-connection': client.state,
    });
    write(this.#name, client.clientId);
    write(this.#state, title);
    const attempt = attemptWords(client);
    write(this.#sentence, attempt === '' ? sentence : `${sentence} ${capital(attempt)}.`);
    this.#reason.hidden = client.reason === null;
    if (client.reason !== null) {
      write(this.#reason, `${client.reason.code}: ${client.reason.message}`);
      mark(this.#reason, { title: client.reason.message });
    }
    this.#showWait(client.retryAt, now);
    write(this.#queued, String(client.queued));
    write(this.#inFlight, String(client.inFlight));
    const most = deepest(course);
    write(this.#most, most === 0 ? '' : `(up to ${most})`);
    const line = steps(course, now, SPARK);
    mark(this.#line, { d: line });
    mark(this.#area, { d: closed(line) });
  }

  #showWait(retryAt: number | null, now: number): void {
    this.#retry.hidden = retryAt === null;
    if (retryAt === null) return;
    if (this.#wait.until !== retryAt) this.#wait = { from: now, until: retryAt };
    write(this.#left, countdown(retryAt - now));
    const whole = Math.max(1, this.#wait.until - this.#wait.from);
    const part = Math.min(1, Math.max(0, (retryAt - now) / whole));
    this.#part.style.setProperty('transform', `scaleX(${part.toFixed(3)})`);
  }
}

/** The steps down to the floor, one area for each stretch that is known. */
function closed(line: string): string {
  return line
    .split('M')
    .filter((stretch) => stretch !== '')
    .map((stretch) => {
      const from = Number.parseFloat(stretch);
      return `M${from} ${SPARK.height}L${stretch}V${SPARK.height}Z`;
    })
    .join('');
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
