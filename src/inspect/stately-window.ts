import { IotError } from '../protocol/errors.ts';
import type { OpenOutlet, StatelyOutlet } from './stately-inspector.ts';
import { STATELY_VIEWER, type StatelyBrowserOptions, type ViewerFrame } from './stately-options.ts';

/** The name that `@statelyai/inspect` has for it: the same window is used again. */
const WINDOW_NAME = 'xstateinspector';

/**
 * Shows messages to a viewer in a window or a frame of this page, whenever it says that it listens: also after it was loaded anew. They are
 * sent to the origin of the viewer only; `createBrowserInspector` of `@statelyai/inspect` sends them to whatever is shown there, and forgets
 * machines after 200 messages.
 */
export function windowOutlet({ url = STATELY_VIEWER, iframe }: StatelyBrowserOptions): OpenOutlet {
  return (replay) => {
    const outlet = new StatelyWindow(url, replay);
    outlet.open(iframe);
    return outlet;
  };
}

/** As much of a page as is used, whose types are not those of Node. */
interface Page {
  addEventListener(type: 'message', heard: (event: ViewerMessage) => void): void;
  removeEventListener(type: 'message', heard: (event: ViewerMessage) => void): void;
  open(url: string, name: string): object | null;
}

interface ViewerMessage {
  readonly source: object | null;
  readonly origin: string;
  readonly data: unknown;
}

interface ViewerWindow {
  postMessage(message: unknown, origin: string): void;
}

const page = globalThis as unknown as Page;

class StatelyWindow implements StatelyOutlet {
  /** It is open already. */
  readonly url = undefined;
  readonly #address: string;
  readonly #origin: string;
  readonly #replay: () => readonly string[];
  #viewer: () => object | null = () => null;
  #isListening = false;

  constructor(url: string, replay: () => readonly string[]) {
    this.#address = url;
    this.#origin = new URL(url).origin;
    this.#replay = replay;
  }

  open(iframe: ViewerFrame | undefined): void {
    // Not later: it says only once that it listens.
    page.addEventListener('message', this.#heard);
    if (iframe === undefined) {
      this.#openWindow();
      return;
    }
    this.#viewer = () => iframe.contentWindow;
    iframe.src = this.#address;
  }

  send(message: string): void {
    if (this.#isListening) this.#post(JSON.parse(message));
  }

  close(): Promise<void> {
    page.removeEventListener('message', this.#heard);
    if (this.#isListening) this.#post({ type: '@statelyai.disconnected' });
    this.#isListening = false;
    return Promise.resolve();
  }

  #openWindow(): void {
    const opened = page.open(this.#address, WINDOW_NAME);
    if (opened === null) {
      page.removeEventListener('message', this.#heard);
      throw new IotError('INVALID_ARGUMENT', 'the browser let no window of the viewer open', {
        remediation: 'call statelyInspector() when something is clicked, or give it an `iframe`',
      });
    }
    this.#viewer = () => opened;
  }

  readonly #heard = ({ source, origin, data }: ViewerMessage): void => {
    if (source === null || source !== this.#viewer() || origin !== this.#origin) return;
    const { type } = Object(data) as { readonly type?: unknown };
    if (type !== '@statelyai.connected') return;
    this.#isListening = true;
    for (const message of this.#replay()) this.#post(JSON.parse(message));
  };

  #post(message: unknown): void {
    const viewer = this.#viewer() as ViewerWindow | null;
    viewer?.postMessage(message, this.#origin);
  }
}
