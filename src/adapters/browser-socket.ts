/** What is used of a browser's own WebSocket (https://websockets.spec.whatwg.org/#the-websocket-interface). */
export interface BrowserSocket {
  binaryType: string;
  readonly readyState: number;
  /** What it was given and has not handed to the network yet. */
  readonly bufferedAmount: number;
  /** Takes a copy. After a close it throws all away, silently. */
  send(bytes: Uint8Array): void;
  close(): void;
  addEventListener(type: string, listener: (event: BrowserSocketEvent) => void): void;
  removeEventListener(type: string, listener: (event: BrowserSocketEvent) => void): void;
}

export interface BrowserSocketEvent {
  /** Of a message: an ArrayBuffer, or text. */
  readonly data?: unknown;
}

interface Page {
  readonly WebSocket?: new (url: string, protocol: string) => BrowserSocket;
}

/** Throws where there are no WebSockets; and for a URL that is none, with that URL in its words. */
export function createBrowserSocket(url: string, protocol: string): BrowserSocket {
  const { WebSocket } = globalThis as Page;
  if (WebSocket === undefined) throw new Error('no WebSocket here');
  const socket = new WebSocket(url, protocol);
  socket.binaryType = 'arraybuffer';
  return socket;
}
