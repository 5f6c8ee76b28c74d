import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';

import type { LocalIotCore } from '../../src/local/index.ts';
import { amzDateOf, type Signing, signedQuery } from './sigv4-query.ts';

/** What a core says to an upgrade. */
export interface UpgradeAnswer {
  readonly status: number;
  readonly body: string;
  readonly date: string | undefined;
  readonly subprotocol: string | undefined;
}

/** `/mqtt` with a signature by keys that this core issued now, some of it changed. */
export function signedPath(core: LocalIotCore, changes: Partial<Signing> = {}): string {
  const { accessKeyId, secretAccessKey, sessionToken } = core.issueCredentials();
  const amzDate = changes.amzDate ?? amzDateOf(Date.now());
  const query = signedQuery({
    accessKeyId,
    secretAccessKey,
    sessionToken,
    signsToken: false,
    path: '/mqtt',
    host: `localhost:${core.webSocketPort}`,
    algorithm: 'AWS4-HMAC-SHA256',
    amzDate,
    scope: [amzDate.slice(0, 8), core.region, 'iotdevicegateway', 'aws4_request'],
    expires: undefined,
    signedHeaders: 'host',
    headers: {},
    more: {},
    ...changes,
  });
  return `/mqtt?${query}`;
}

/** Asks for a WebSocket, and closes it again. */
export function upgrade(
  core: LocalIotCore,
  path: string,
  headers: Record<string, string | undefined> = {},
): Promise<UpgradeAnswer> {
  const all: Record<string, string | undefined> = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol': 'mqtt',
    ...headers,
  };
  const request = https.request({
    host: 'localhost',
    port: core.webSocketPort,
    ca: core.ca,
    agent: false,
    path,
    headers: Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)),
  });
  return new Promise((resolve, reject) => {
    const answer = (response: IncomingMessage, body: string): void =>
      resolve({
        status: response.statusCode ?? 0,
        body,
        date: response.headers.date,
        subprotocol: response.headers['sec-websocket-protocol'],
      });
    request.on('error', reject);
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      answer(response, '');
    });
    request.on('response', (response) => {
      text(response).then((body) => answer(response, body), reject);
    });
    request.end();
  });
}
