import { ClientCard } from './client-card.ts';
import { byId, element, mark, write } from './element.ts';
import type { View } from './feed-store.ts';
import { type Tone, wordsOf } from './state-words.ts';

/** What the icon of the tab shows, of several clients that which needs a look first. */
const URGENCY: readonly Tone[] = ['bad', 'waiting', 'busy', 'quiet', 'well'];
const COLOURS: Readonly<Record<Tone, string>> = {
  well: '2da44e',
  busy: '218bff',
  waiting: 'd4a72c',
  bad: 'cf222e',
  quiet: '8c959f',
};

/** The clients side by side, and in the title of the tab. */
export class ClientsView {
  readonly #root = byId('clients');
  readonly #spoken = byId('spoken');
  readonly #icon = byId('icon');
  readonly #choose: (key: string) => void;
  readonly #cards = new Map<string, ClientCard>();
  readonly #said = new Map<string, string>();

  constructor(choose: (key: string) => void) {
    this.#choose = choose;
  }

  show(view: View, now: number): void {
    for (const [key, card] of this.#cards) {
      if (view.clients.has(key)) continue;
      card.element.remove();
      this.#cards.delete(key);
      this.#said.delete(key);
    }
    for (const [key, client] of view.clients) {
      const card = this.#cards.get(key) ?? this.#added(key);
      card.show(client, view.depths.get(key) ?? [], now);
    }
    this.#root.hidden = view.clients.size === 0;
    this.#speak(view);
  }

  #added(key: string): ClientCard {
    const card = new ClientCard(() => this.#choose(key));
    this.#cards.set(key, card);
    this.#root.append(card.element);
    return card;
  }

  /** Says a change of state once, to those who listen and to those who see only the tab. */
  #speak({ clients }: View): void {
    const news = [...clients].filter(([key, { state }]) => this.#said.get(key) !== state);
    if (news.length === 0) return;
    for (const [key, { state }] of news) this.#said.set(key, state);
    this.#spoken.replaceChildren(
      ...news.map(([, client]) => element('p', '', `${client.clientId}: ${wordsOf(client).title}`)),
    );
    const all = [...clients.values()];
    document.title = all.map((client) => `${wordsOf(client).title} · ${client.clientId}`).join(', ');
    const tones = new Set(all.map((client) => wordsOf(client).tone));
    const colour = COLOURS[URGENCY.find((tone) => tones.has(tone)) ?? 'quiet'];
    const circle = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><circle cx='8' cy='8' r='7' fill='%23${colour}'/></svg>`;
    mark(this.#icon, { href: `data:image/svg+xml,${circle}` });
  }
}

/** Says whether the page is told what happens. */
export function showStream(isConnected: boolean, hasBeenConnected: boolean): void {
  const lost = byId('lost');
  lost.hidden = isConnected || !hasBeenConnected;
  write(
    lost,
    lost.hidden ? '' : 'The stream is lost. What you see is how it was; the page connects again by itself.',
  );
  mark(byId('stream'), { 'data-connected': isConnected });
  write(byId('stream'), isConnected ? 'connected' : hasBeenConnected ? 'reconnecting' : 'connecting');
  mark(document.body, { 'data-stale': isConnected ? null : '' });
}
