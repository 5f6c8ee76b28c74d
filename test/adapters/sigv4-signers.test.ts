import { readFileSync } from 'node:fs';
import aws4 from 'aws4';
import { describe, expect, it, vi } from 'vitest';
import { signWithAws4 } from '../../src/adapters/aws4-signer.ts';
import { signWithAws4fetch } from '../../src/adapters/aws4fetch-signer.ts';
import type { SignUpgrade, UpgradeRequest } from '../../src/adapters/upgrade-signer.ts';
import { hostHeader } from '../../src/adapters/web-socket.ts';

interface Vector {
  readonly name: string;
  readonly input: {
    readonly host: string;
    readonly port: number;
    readonly region: string;
    readonly date: string;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
    readonly expires?: number;
  };
  readonly expected: { readonly hostHeader: string; readonly signature: string; readonly url: string };
}

interface Trap {
  readonly name: string;
  readonly correct: string;
  readonly wrong: string;
  readonly expires?: number;
}

const { vectors, negatives } = JSON.parse(
  readFileSync(new URL('../fixtures/sigv4.json', import.meta.url), 'utf8'),
) as { vectors: Vector[]; negatives: Trap[] };

const signers: [name: string, sign: SignUpgrade][] = [
  ['aws4', signWithAws4],
  ['aws4fetch', signWithAws4fetch],
];

const requestOf = ({ input }: Vector): UpgradeRequest => ({
  host: hostHeader({ endpoint: input.host, port: input.port }),
  region: input.region,
  time: new Date(input.date),
  ...(input.expires === undefined ? {} : { expiresInSeconds: input.expires }),
});

/** In whatever order: AWS sorts them before it verifies. The token must be last all the same. */
const parametersOf = (pathAndQuery: string): string[] => pathAndQuery.split(/[?&]/).toSorted();
const signatureOf = (path: string): string => /X-Amz-Signature=([0-9a-f]{64})/.exec(path)?.[1] ?? '';
const named = (name: string): Vector => vectors.find((one) => one.name === name) as Vector;

describe.each(signers)('the signer with %s', (_name, sign) => {
  it.each(vectors)('signs $name as nine others do (py:W1, py:W2, py:W19)', async (vector) => {
    const { hostHeader: host, url } = vector.expected;
    const path = await sign(requestOf(vector), vector.input);
    expect(requestOf(vector).host).toBe(host);
    expect(parametersOf(path)).toEqual(parametersOf(url.slice(`wss://${host}`.length)));
  });

  it('puts the session token last, outside of the signature and encoded by RFC 3986 (py:W2)', async () => {
    const { input, expected } = named('session-token-appended-unsigned');
    const { sessionToken: _, ...withoutToken } = input;
    const path = await sign(requestOf(named('session-token-appended-unsigned')), input);
    const token = `&X-Amz-Security-Token=${expected.url.split('X-Amz-Security-Token=')[1]}`;
    expect(path.endsWith(token)).toBe(true);
    expect(token).toMatch(/^&X-Amz-Security-Token=[A-Za-z0-9\-._~%]+$/);
    expect(path.slice(0, -token.length)).toBe(
      await sign(requestOf(named('session-token-appended-unsigned')), withoutToken),
    );
  });

  it.each(negatives)('does not fall into the trap $name', async ({ correct, wrong, expires }) => {
    const made: string[] = [];
    for (const vector of vectors) {
      const request = requestOf(vector);
      made.push(signatureOf(await sign(request, vector.input)));
      if (expires !== undefined)
        made.push(signatureOf(await sign({ ...request, expiresInSeconds: expires }, vector.input)));
    }
    expect(made).toContain(correct);
    expect(made).not.toContain(wrong);
  });

  it('signs for iotdevicegateway, not for iotdata as Python v1 does (py:W1)', async () => {
    const path = await sign(
      {
        host: 'data.iot.us-east-1.amazonaws.com',
        region: 'us-east-1',
        time: new Date('2017-06-28T20:48:45Z'),
        expiresInSeconds: 86_400,
      },
      { accessKeyId: 'TRUSTMETHISIDISFAKE0', secretAccessKey: 'trustMeThisSecretKeyIsSoFakeAaBbCc00Dd11' },
    );
    expect(signatureOf(path)).toMatch(/^59704305f6422a8f09e35534fb03e77517568203/);
    expect(path).toContain('%2Fus-east-1%2Fiotdevicegateway%2Faws4_request');
  });

  it('signs the same again as before: nothing is kept from one to the next (sec:S-9)', async () => {
    const vector = named('static-us-east-1-no-expires');
    const other = { ...vector.input, secretAccessKey: 'another' };
    await sign(requestOf(vector), vector.input);
    expect(signatureOf(await sign(requestOf(vector), other))).not.toBe(vector.expected.signature);
    expect(signatureOf(await sign(requestOf(vector), vector.input))).toBe(vector.expected.signature);
  });
});

it('the signer of a page says what it needs where there is no WebCrypto: on a page of plain http', async () => {
  const [vector] = vectors;
  vi.stubGlobal('crypto', {});
  await expect(
    signWithAws4fetch(requestOf(vector as Vector), (vector as Vector).input),
  ).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message:
      'sigV4() cannot be used on this page: it has no WebCrypto, which browsers keep for https and localhost',
  });
});

it('the signer with aws4 does not go through its cache, which holds each secret for the whole process (sec:S-9)', async () => {
  using caching = vi.spyOn(aws4.RequestSigner.prototype, 'signature');
  const vector = named('static-us-east-1-no-expires');
  await signWithAws4(requestOf(vector), vector.input);
  expect(caching).not.toHaveBeenCalled();
});
