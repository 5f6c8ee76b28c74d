import http from 'node:http';
import { text } from 'node:stream/consumers';

export interface HttpAnswer {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** A request on a connection of its own, which is closed after it. */
export function ask(
  method: string,
  url: string,
  body: string | Buffer = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const sent = http.request(url, { method, headers, agent: false }, (response) => {
      const { statusCode: status, headers: got } = response;
      text(response).then((received) => resolve({ status, headers: got, text: received }), reject);
    });
    sent.on('error', reject).end(body);
  });
}
