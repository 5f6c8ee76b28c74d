import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request that came in, in the words of Amazon Cognito. */
export interface CognitoRequest {
  readonly action: string;
  readonly body: {
    readonly IdentityPoolId?: string;
    readonly IdentityId?: string;
    readonly Logins?: Readonly<Record<string, string>>;
  };
}

/** An answer; or `silent`, which never comes. */
type Answer = { readonly status?: number; readonly body: unknown } | 'silent';

/** Amazon Cognito for one pool: GetId and GetCredentialsForIdentity, over HTTP with JSON 1.1. */
export class FakeCognito {
  readonly requests: CognitoRequest[] = [];
  readonly authorizations: (string | undefined)[] = [];
  /** What it answers instead of what it would, once each. */
  readonly instead: Answer[] = [];
  lifetimeMs = 3_600_000;
  readonly #server = http.createServer((request, response) => void this.#serve(request, response));
  #identities = 0;
  #keys = 0;

  static async start(): Promise<FakeCognito> {
    const cognito = new FakeCognito();
    cognito.#server.listen(0, '127.0.0.1');
    await once(cognito.#server, 'listening');
    return cognito;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get actions(): string[] {
    return this.requests.map(({ action }) => action);
  }

  connections(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.getConnections((error, count) => {
        if (error === null) resolve(count);
        else reject(error);
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const action = String(request.headers['x-amz-target']).replace('AWSCognitoIdentityService.', '');
    const body = JSON.parse(Buffer.concat(await request.toArray()).toString()) as CognitoRequest['body'];
    this.authorizations.push(request.headers.authorization);
    this.requests.push({ action, body });
    const answer = this.instead.shift() ?? { body: this.#answer(action, body) };
    if (answer === 'silent') return;
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify(answer.body));
  }

  #answer(action: string, { IdentityId, Logins }: CognitoRequest['body']): unknown {
    if (action === 'GetId') {
      const whose = Logins === undefined ? `anonymous-${++this.#identities}` : Object.values(Logins).join();
      return { IdentityId: `us-east-1:${whose}` };
    }
    return {
      IdentityId,
      Credentials: {
        AccessKeyId: `ASIA${++this.#keys}`,
        SecretKey: `secret-of-${IdentityId}`,
        SessionToken: `token-${this.#keys}`,
        Expiration: (Date.now() + this.lifetimeMs) / 1_000,
      },
    };
  }
}

/** How Cognito refuses. */
export const refusal = (type: string, message: string): Answer => ({
  status: 400,
  body: { __type: type, message },
});
