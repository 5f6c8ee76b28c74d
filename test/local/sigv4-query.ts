import { createHash, createHmac } from 'node:crypto';

/** Everything that a signature in a query is made of; a test changes some of it. */
export interface Signing {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
  /** The session token is signed too, as most services of AWS want it. */
  readonly signsToken: boolean;
  readonly path: string;
  readonly host: string;
  readonly algorithm: string;
  /** YYYYMMDDTHHMMSSZ */
  readonly amzDate: string;
  readonly scope: readonly string[];
  readonly expires: string | undefined;
  readonly signedHeaders: string;
  /** What is signed of them, beside the host. */
  readonly headers: Readonly<Record<string, string>>;
  /** Other parameters, which are signed. */
  readonly more: Readonly<Record<string, string>>;
}

/** A signature that is right by the rules of AWS, of whatever it is given. Written apart from the verifier. */
export function signedQuery(signing: Signing): string {
  const { sessionToken, signsToken, amzDate, scope, expires } = signing;
  const token = sessionToken === undefined ? {} : { 'X-Amz-Security-Token': sessionToken };
  const parameters: Record<string, string> = {
    'X-Amz-Algorithm': signing.algorithm,
    'X-Amz-Credential': [signing.accessKeyId, ...scope].join('/'),
    'X-Amz-Date': amzDate,
    ...(expires === undefined ? {} : { 'X-Amz-Expires': expires }),
    'X-Amz-SignedHeaders': signing.signedHeaders,
    ...(signsToken ? token : {}),
    ...signing.more,
  };
  const inOrder = Object.entries(parameters).sort(([one], [other]) => (one < other ? -1 : 1));
  const query = encoded(inOrder).join('&');
  const headers = Object.entries({ host: signing.host, ...signing.headers })
    .map(([name, value]) => `${name}:${value}`)
    .sort();
  const request = ['GET', signing.path, query, ...headers, '', signing.signedHeaders, sha256('')];
  const text = [signing.algorithm, amzDate, scope.join('/'), sha256(request.join('\n'))].join('\n');
  let key: string | Buffer = `AWS4${signing.secretAccessKey}`;
  for (const part of scope) key = createHmac('sha256', key).update(part).digest();
  const signature = createHmac('sha256', key).update(text).digest('hex');
  return [query, `X-Amz-Signature=${signature}`, ...(signsToken ? [] : encoded(Object.entries(token)))].join(
    '&',
  );
}

/** As AWS writes a time. */
export const amzDateOf = (time: number): string => new Date(time).toISOString().replaceAll(/[-:]|\.\d+/g, '');

function encoded(parameters: readonly (readonly [string, string])[]): string[] {
  return parameters.map((pair) => pair.map(strictly).join('='));
}

const strictly = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
  );

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
