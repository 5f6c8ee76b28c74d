import { oneOf, wholeNumber } from '../client/checks.ts';
import { invalid, invalidSecret } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import { PAYLOAD_MODES, type PayloadMode } from './payload-size.ts';

interface AnyWay {
  /**
   * What is shown of payloads, of shadow documents and of what actors return: that there is one; how large it is; or how it begins.
   * Secrets are taken out either way.
   *
   * @default 'none'
   */
  readonly payloads?: PayloadMode;
}

/** Through a relay of this process, to open in a browser of this machine; or to an inspector server of somebody else. Node only. */
export interface StatelyWebSocketOptions extends AnyWay {
  readonly via: 'webSocket';
  /**
   * Where the relay listens, on 127.0.0.1 only. With one that stays the same, the tab finds the next process by itself.
   *
   * @default 0, which takes any free one: `url` tells which
   */
  readonly port?: number;
  /**
   * The address of the viewer that the page of the relay frames.
   *
   * @default 'https://stately.ai/inspect'
   */
  readonly viewer?: string;
  /**
   * An inspector server on this machine that speaks as that of `@statelyai/inspect` does, such as `ws://localhost:8080`. Then there
   * is no relay, and `port` and `viewer` are that server's business.
   */
  readonly url?: string;
}

/** As much of an `<iframe>` as is used: programs for Node know no types of pages. */
export interface ViewerFrame {
  src: string;
  readonly contentWindow: object | null;
}

/** From a page to a viewer in a window or a frame of it. Pages only. */
export interface StatelyBrowserOptions extends AnyWay {
  readonly via: 'browser';
  /**
   * The address of the viewer.
   *
   * @default 'https://stately.ai/inspect'
   */
  readonly url?: string;
  /** Where the viewer is shown. Default: a window of its own, which browsers open only after a click. */
  readonly iframe?: ViewerFrame;
}

/** Everything goes to a server of Stately on the internet, and whoever knows the address of the session sees it. */
export interface StatelySkyOptions extends AnyWay {
  readonly via: 'sky';
  /** For an account of Stately. */
  readonly apiKey?: string;
}

export type StatelyInspectorOptions = StatelyWebSocketOptions | StatelyBrowserOptions | StatelySkyOptions;

export const STATELY_VIEWER = 'https://stately.ai/inspect';

const FIELDS = {
  webSocket: ['via', 'payloads', 'port', 'viewer', 'url'],
  browser: ['via', 'payloads', 'url', 'iframe'],
  sky: ['via', 'payloads', 'apiKey'],
} as const;

/** @throws IotError `INVALID_ARGUMENT`: which field, what it may be, what was given */
export function checkStatelyOptions(
  options: StatelyInspectorOptions,
  ways: readonly StatelyInspectorOptions['via'][],
): void {
  // Nobody knows which fields belong to a way that there is not.
  checkFields('options', options, [...new Set(Object.values(FIELDS).flat())], invalidSecret);
  oneOf('via', options.via, ways);
  checkFields(`options of ${options.via}`, options, FIELDS[options.via], invalidSecret);
  if (options.payloads !== undefined) oneOf('payloads', options.payloads, PAYLOAD_MODES);
  if (options.via === 'webSocket') checkWebSocket(options);
  if (options.via === 'browser') checkBrowser(options);
  if (options.via === 'sky' && options.apiKey !== undefined) checkApiKey(options.apiKey);
}

function checkWebSocket({ port, viewer, url }: StatelyWebSocketOptions): void {
  if (port !== undefined) wholeNumber('port', port, 0, 65_535);
  if (viewer !== undefined) checkViewer('viewer', viewer);
  if (url === undefined) return;
  if (!isLoopback(url, 'ws:'))
    throw invalidSecret('url', 'a WebSocket on the loopback, such as ws://localhost:8080', url);
  if (port !== undefined) throw invalid('port', 'left out with `url`, where no relay is started', port);
  if (viewer !== undefined) throw invalid('viewer', 'left out with `url`, where no relay is started', viewer);
}

function checkBrowser({ url, iframe }: StatelyBrowserOptions): void {
  if (url !== undefined) checkViewer('url', url);
  if (iframe !== undefined && typeof iframe !== 'object') throw invalid('iframe', 'an <iframe>', iframe);
}

/** What it is shown goes to its origin: so that is one that nobody on the way can take. */
function checkViewer(field: string, viewer: unknown): void {
  const mayBe = 'an address that begins with https://, or with http:// on the loopback';
  if (typeof viewer !== 'string' || !URL.canParse(viewer)) throw invalidSecret(field, mayBe, viewer);
  const { protocol, username, password } = new URL(viewer);
  const isSafe = protocol === 'https:' && username === '' && password === '';
  if (!isSafe && !isLoopback(viewer, 'http:')) throw invalidSecret(field, mayBe, viewer);
}

function isLoopback(address: unknown, scheme: string): boolean {
  if (typeof address !== 'string' || !URL.canParse(address)) return false;
  const { protocol, hostname, username, password } = new URL(address);
  if (username !== '' || password !== '') return false;
  return protocol === scheme && ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
}

function checkApiKey(apiKey: unknown): void {
  if (typeof apiKey !== 'string' || apiKey === '') throw invalidSecret('apiKey', 'a text', apiKey);
}
