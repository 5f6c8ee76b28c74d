import type { FaultName } from '../feed.ts';
import { button, byId, element, write } from './element.ts';

interface FaultButton {
  readonly name: FaultName;
  readonly label: string;
  readonly title: string;
  readonly body: object;
}

/** Those of one line belong together. */
const BUTTONS: readonly (readonly FaultButton[])[] = [
  [{ name: 'dropConnections', label: 'Cut', title: 'Reset all connections', body: {} }],
  [
    { name: 'freeze', label: 'Freeze', title: 'Nothing comes through, and nothing ends', body: {} },
    { name: 'thaw', label: 'Thaw', title: 'What was under way arrives', body: {} },
  ],
  [
    { name: 'stopListening', label: 'Stop listening', title: 'Refuse to be dialled', body: {} },
    { name: 'listen', label: 'Listen', title: 'Open the same ports again', body: {} },
  ],
  [{ name: 'refuse', label: 'Refuse next 3', title: 'Refuse the next three CONNECTs', body: { times: 3 } }],
];

/** What can be done to the line, when the server has a local core at hand. */
export class FaultsView {
  readonly #root = byId('faults');
  readonly #outcome = byId('fault-outcome');
  #shown = '';

  show(faults: readonly FaultName[]): void {
    const shown = faults.join();
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#root.hidden = faults.length === 0;
    const groups = BUTTONS.map((group) => group.filter(({ name }) => faults.includes(name)));
    byId('fault-buttons').replaceChildren(
      ...groups
        .filter((group) => group.length > 0)
        .map((group) => element('div', 'button-group', ...group.map((one) => this.#button(one)))),
    );
  }

  #button(fault: FaultButton): HTMLButtonElement {
    const made = button('', fault.label, () => void this.#inject(fault, made));
    made.title = fault.title;
    made.dataset['fault'] = fault.name;
    return made;
  }

  async #inject({ name, label, body }: FaultButton, pressed: HTMLButtonElement): Promise<void> {
    // Not `disabled`: that would take the focus away.
    if (pressed.getAttribute('aria-busy') === 'true') return;
    pressed.setAttribute('aria-busy', 'true');
    write(this.#outcome, '');
    const outcome = await post(`/faults/${name}`, body).catch((error: unknown) => String(error));
    pressed.removeAttribute('aria-busy');
    write(this.#outcome, outcome === undefined ? `${label}: done` : `${label}: ${outcome}`);
  }
}

/** Resolves to what went wrong. */
async function post(path: string, body: object): Promise<string | undefined> {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (response.ok) return undefined;
  const said = (await response.json().catch(() => ({}))) as { readonly error?: unknown };
  return typeof said.error === 'string' ? said.error : `the server answered ${response.status}`;
}
