import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { WebSocket, type WebSocketServer } from 'ws';
import { assign, createMachine, fromPromise } from 'xstate';

/** As far as a viewer reads it. */
export interface ViewerMessage {
  readonly type: string;
  readonly _version: string;
  readonly sessionId: string;
  readonly rootId: string;
  readonly name?: string;
  readonly parentId?: string;
  readonly sourceId?: string;
  readonly definition?: string;
  readonly event?: { readonly type: string };
  readonly snapshot?: {
    readonly status: string;
    readonly value?: unknown;
    readonly context?: unknown;
    readonly children?: unknown;
    readonly output?: unknown;
  };
}

/** What a viewer got, and a way to wait until it is as it should be. */
export class Inbox {
  readonly texts: string[] = [];
  readonly messages: ViewerMessage[] = [];
  #waiting: (() => void)[] = [];

  take(text: string): void {
    this.texts.push(text);
    // As `createBrowserReceiver` of @statelyai/inspect tells its own messages.
    const message = JSON.parse(text) as ViewerMessage;
    if (typeof message.type !== 'string' || typeof message._version !== 'string')
      throw new Error(`not for a viewer: ${text}`);
    this.messages.push(message);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const look of waiting) look();
  }

  until(found: (messages: readonly ViewerMessage[]) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (found(this.messages)) resolve();
        else this.#waiting.push(look);
      };
      look();
    });
  }

  /** What a viewer would draw of this actor. */
  newestOf(name: string): ViewerMessage['snapshot'] {
    const actor = this.messages.find((message) => message.name === name);
    return this.messages.findLast(
      ({ sessionId, snapshot }) => snapshot !== undefined && sessionId === actor?.sessionId,
    )?.snapshot;
  }
}

export interface Viewer {
  readonly inbox: Inbox;
  readonly closed: Promise<number>;
  close(): Promise<unknown>;
}

/** The page of the relay, as far as the relay sees it. */
export async function openViewer(url: string): Promise<Viewer> {
  const socket = new WebSocket(`${url.replace('http:', 'ws:')}feed`, { origin: url.slice(0, -1) });
  const inbox = new Inbox();
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) throw new Error('a viewer reads texts');
    inbox.take(data.toString());
  });
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
  return {
    inbox,
    closed,
    close: () => {
      socket.close();
      return closed;
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** The status of one that upgraded is 101. */
export function answerOf(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { agent: false, headers, method });
    request.on('error', reject);
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: 101, headers: response.headers, body: '' });
    });
    request.on('response', (response) => {
      const { statusCode: status = 0, headers } = response;
      text(response).then((body) => resolve({ status, headers, body }), reject);
    });
    request.end();
  });
}

export const statusOf = async (...parameters: Parameters<typeof answerOf>): Promise<number> =>
  (await answerOf(...parameters)).status;

export const UPGRADE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** A server that only listens, as an inspector server does for programs. */
export async function listening(server: WebSocketServer): Promise<number> {
  if (server.address() === null) await new Promise((resolve) => server.once('listening', resolve));
  return (server.address() as AddressInfo).port;
}

/** Deeper than the redactor goes anywhere else, and with names that would be secrets elsewhere. */
export const lampMachine = createMachine({
  id: 'lamp',
  context: { count: 0, password: 'canary-of-the-context' },
  initial: 'off',
  on: {
    count: { actions: assign({ count: ({ context }) => (context as { count: number }).count + 1 }) },
  },
  states: {
    off: { on: { press: 'token' } },
    token: {
      initial: 'a',
      states: {
        a: {
          initial: 'b',
          states: {
            b: {
              initial: 'c',
              states: { c: { initial: 'd', states: { d: { on: { press: '#lamp.off' } } } } },
            },
          },
        },
      },
    },
  },
});

/** A promise that gives what nobody may see. */
export const signingMachine = createMachine({
  id: 'signing',
  initial: 'asking',
  states: {
    asking: {
      invoke: {
        id: 'sign',
        src: fromPromise(() =>
          Promise.resolve({
            url: 'wss://host.local/mqtt?X-Amz-Signature=canary-of-a-signature',
            plain: 'canary-plain-output',
          }),
        ),
        input: { passphrase: 'canary-of-an-input' },
        onDone: 'signed',
      },
    },
    signed: {},
  },
});
