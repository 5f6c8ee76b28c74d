import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import type { AwsCredentials } from '../../src/adapters/aws-credentials.ts';
import { readQuery } from '../../src/local/query.ts';
import { isSigned, SigV4Verifier } from '../../src/local/sigv4-verifier.ts';
import { amzDateOf, type Signing, signedQuery } from './sigv4-query.ts';

interface Vector {
  readonly name: string;
  readonly input: AwsCredentials & { readonly region: string; readonly epochMillis: number };
  readonly expected: { readonly hostHeader: string; readonly signature: string; readonly url: string };
}

interface NegativeVector {
  readonly name: string;
  readonly correct: string;
  readonly wrong: string;
  readonly expires?: number;
}

const { vectors, negatives } = JSON.parse(
  readFileSync(new URL('../fixtures/sigv4.json', import.meta.url), 'utf8'),
) as { vectors: readonly Vector[]; negatives: readonly NegativeVector[] };

const NOW = Date.parse('2026-01-02T03:04:05Z');
const MINUTE_MS = 60_000;
const HOST = 'a1b2c3d4e5f6g7-ats.iot.us-east-1.amazonaws.com';
const TEMPORARY: AwsCredentials = {
  accessKeyId: 'ASIAEXAMPLE00000000',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  sessionToken: "IQoJb3JpZ2luX2VjEPz//wEa+abc/def==fake token'()*!~",
};
const LASTING: AwsCredentials = { accessKeyId: 'AKIDEXAMPLE00000000', secretAccessKey: 'lasting/secret' };
const EXPIRED: AwsCredentials = { ...TEMPORARY, accessKeyId: 'ASIAEXPIRED', expiration: new Date(NOW) };
const KEYS = [TEMPORARY, LASTING, EXPIRED];

function verifierOf(region: string, now: number, keys: readonly AwsCredentials[]): SigV4Verifier {
  const find = (id: string) => keys.find(({ accessKeyId }) => accessKeyId === id);
  return new SigV4Verifier(region, { find, now: () => now });
}

function refusal(url: string, host: string, verifier: SigV4Verifier): string | undefined {
  const { pathname, search } = new URL(url, 'wss://x');
  const query = readQuery(search.slice(1)) ?? [];
  expect(isSigned(query)).toBe(true);
  return verifier.refusal({ path: pathname, query, host, headers: { connection: ' upgrade ' } });
}

const VALID: Signing = {
  accessKeyId: TEMPORARY.accessKeyId,
  secretAccessKey: TEMPORARY.secretAccessKey,
  sessionToken: TEMPORARY.sessionToken,
  signsToken: false,
  path: '/mqtt',
  host: HOST,
  algorithm: 'AWS4-HMAC-SHA256',
  amzDate: amzDateOf(NOW),
  scope: ['20260102', 'us-east-1', 'iotdevicegateway', 'aws4_request'],
  expires: undefined,
  signedHeaders: 'host',
  headers: {},
  more: {},
};
const LASTING_KEYS = { ...LASTING, sessionToken: undefined };
const OTHER_HEADER = { signedHeaders: 'connection;host', headers: { connection: 'close' } };
const EXPIRED_KEYS = { accessKeyId: EXPIRED.accessKeyId };

/** What the verifier says of a signature that is right, for what it was made of. */
function verdict(changes: Partial<Signing>, edit: (url: string) => string = (url) => url, host = HOST) {
  const url = edit(`/mqtt?${signedQuery({ ...VALID, ...changes })}`);
  return refusal(url, host, verifierOf('us-east-1', NOW, KEYS));
}

const scopeWith = (index: number, part: string) => ({
  scope: VALID.scope.map((old, at) => (at === index ? part : old)),
});
const signedAt = (offsetMs: number): Partial<Signing> => ({ amzDate: amzDateOf(NOW + offsetMs) });
const without = (name: string) => (url: string) => url.replace(new RegExp(`(?<=[?&])${name}=[^&]*(&|$)`), '');

describe('the SigV4 verifier of the local core', () => {
  it.each(vectors)('accepts the vector $name', ({ input, expected }) => {
    const verifier = verifierOf(input.region, input.epochMillis, [input]);
    expect(refusal(expected.url, expected.hostHeader, verifier)).toBeUndefined();
  });

  it.each(negatives)('refuses what the vector $name signs', ({ correct, wrong, expires }) => {
    // One of them has no vector of its own: it is the one with a session token, for 900 seconds.
    const name = 'session-token-appended-unsigned';
    const isOf = ({ expected, ...vector }: Vector) =>
      expires === undefined ? expected.signature === correct : vector.name === name;
    const { input, expected } = vectors.find(isOf) ?? expect.fail('no such vector');
    const verifier = verifierOf(input.region, input.epochMillis, [input]);
    const urlWith = (signature: string) =>
      expected.url
        .replace('&X-Amz-SignedHeaders', expires === undefined ? '$&' : `&X-Amz-Expires=${expires}$&`)
        .replace(expected.signature, signature);
    expect(refusal(urlWith(correct), expected.hostHeader, verifier)).toBeUndefined();
    expect(refusal(urlWith(wrong), expected.hostHeader, verifier)).toMatch(/does not match the signature/);
  });

  it.each([
    ['py:W1 without a session token', undefined],
    ['py:W2 with a session token behind the signature', 'FILETOK/+='],
  ])('%s: accepts what the Python SDK makes', (_name, sessionToken) => {
    const accessKeyId = 'TRUSTMETHISIDISFAKE0';
    const keys = { accessKeyId, secretAccessKey: 'trustMeThisSecretKeyIsSoFakeAaBbCc00Dd11' };
    const token = sessionToken === undefined ? '' : '&X-Amz-Security-Token=FILETOK/%2B%3D';
    const url =
      'wss://data.iot.us-east-1.amazonaws.com:443/mqtt?X-Amz-Algorithm=AWS4-HMAC-SHA256' +
      `&X-Amz-Credential=${accessKeyId}%2F20170628%2Fus-east-1%2Fiotdevicegateway%2Faws4_request` +
      '&X-Amz-Date=20170628T204845Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host' +
      `&X-Amz-Signature=59704305f6422a8f09e35534fb03e775175682030e11806f9c3f23aa3bebe76e${token}`;
    const issued = sessionToken === undefined ? keys : { ...keys, sessionToken };
    const verifier = verifierOf('us-east-1', Date.parse('2017-06-29T20:48:00Z'), [issued]);
    expect(refusal(url, 'data.iot.us-east-1.amazonaws.com', verifier)).toBeUndefined();
  });

  it.each<[string, Partial<Signing>]>([
    ['as it should be', {}],
    ['by keys that are not temporary', LASTING_KEYS],
    ['five minutes ago', signedAt(-5 * MINUTE_MS)],
    ['five minutes from now', signedAt(5 * MINUTE_MS)],
    ['an hour ago, for an hour', { ...signedAt(-60 * MINUTE_MS), expires: '3600' }],
    [
      'with a header beside the host',
      { signedHeaders: 'connection;host', headers: { connection: 'upgrade' } },
    ],
    ['with other parameters', { more: { 'x-a b': "it's (all) *", '-': '', X: 'é/+' } }],
  ])('accepts what was signed %s', (_name, changes) => {
    expect(verdict(changes)).toBeUndefined();
  });

  it('accepts parameters in any order, and a host in any case', () => {
    const reversed = (url: string) => `/mqtt?${url.slice('/mqtt?'.length).split('&').reverse().join('&')}`;
    expect(verdict({}, reversed, ` ${HOST.toUpperCase()}`)).toBeUndefined();
  });

  it.each<[string, Partial<Signing>, RegExp]>([
    ['unknown keys', { accessKeyId: 'ASIAUNKNOWN' }, /no such access key id/],
    ['another secret', { secretAccessKey: 'another' }, /does not match the signature/],
    ['expired keys', EXPIRED_KEYS, /token included in the request is expired/],
    ['another region', scopeWith(1, 'eu-west-1'), /valid region: 'us-east-1'/],
    ['another service', scopeWith(2, 'iotdata'), /correct service: 'iotdevicegateway'/],
    ['another day in the scope', scopeWith(0, '20260101'), /Date in Credential scope does not match/],
    ['another end of the scope', scopeWith(3, 'aws5_request'), /must be of the form/],
    ['a longer scope', { scope: [...VALID.scope, 'more'] }, /must be of the form/],
    ['another algorithm', { algorithm: 'AWS4-ECDSA-P256-SHA256' }, /only supports AWS4-HMAC-SHA256/],
    ['a header that is not there', { signedHeaders: 'host;x-a' }, /SignedHeaders must be 'host'/],
    ['a header of another value', OTHER_HEADER, /does not match the signature/],
    ['headers out of order', { signedHeaders: 'host;connection' }, /SignedHeaders must be 'host'/],
    ['headers, and not the host', { signedHeaders: 'connection' }, /SignedHeaders must be 'host'/],
    ['a time in another form', { amzDate: '20260102T030405' }, /X-Amz-Date must be/],
    ['a time that does not exist', { amzDate: '20260102T250405Z' }, /X-Amz-Date must be/],
    ['a stale time', signedAt(-5 * MINUTE_MS - 1_000), /Signature expired: it is now 20260102T030405Z/],
    ['a time to come', signedAt(5 * MINUTE_MS + 1_000), /Signature not yet current/],
    ['an expiry that is over', { ...signedAt(-61_000), expires: '60' }, /Signature expired/],
    [
      'an expiry, and a time to come',
      { ...signedAt(6 * MINUTE_MS), expires: '3600' },
      /Signature not yet current/,
    ],
    ['an expiry of nothing', { expires: '0' }, /X-Amz-Expires must be/],
    ['an expiry of more than a week', { expires: '604801' }, /X-Amz-Expires must be/],
    ['an expiry that is no number', { expires: '1e3' }, /X-Amz-Expires must be/],
    ['a signed session token', { signsToken: true }, /does not match the signature/],
    [
      'no session token',
      { sessionToken: undefined },
      /token included in the request is invalid: it is missing/,
    ],
    ["another key's session token", { sessionToken: 'another' }, /invalid: it does not belong/],
    [
      'a session token for keys without',
      { ...LASTING_KEYS, sessionToken: 'a' },
      /invalid: it does not belong/,
    ],
    ['another path', { path: '/mqtt2' }, /does not match the signature/],
    ['another host', { host: 'localhost' }, /does not match the signature/],
    ['the port 443 in its host', { host: `${HOST}:443` }, /does not match the signature/],
  ])('refuses a signature with %s', (_name, changes, message) => {
    expect(verdict(changes)).toMatch(message);
  });

  it.each(['Algorithm', 'Credential', 'Date', 'SignedHeaders', 'Signature'])(
    'refuses a query without X-Amz-%s, or with an empty one',
    (key) => {
      const message = `AWS query-string parameters must include X-Amz-${key}.`;
      expect(verdict({}, without(`X-Amz-${key}`))).toBe(message);
      expect(verdict({}, (query) => `${without(`X-Amz-${key}`)(query)}&X-Amz-${key}=`)).toBe(message);
    },
  );

  it.each([
    ['a parameter more', (query: string) => `${query}&b=1`, /does not match the signature/],
    ['a parameter less', without('a'), /does not match the signature/],
    ['another value', (query: string) => query.replace('a=1', 'a=2'), /does not match the signature/],
    ['a later expiry', (query: string) => query.replace('Expires=60', 'Expires=600'), /does not match/],
    ['another path', (url: string) => url.replace('/mqtt?', '/mqtt2?'), /does not match the signature/],
    ['a parameter twice', (query: string) => `${query}&a=1`, /must not occur twice/],
    ['two signatures', (query: string) => `${query}&X-Amz-Signature=0`, /must not occur twice/],
    ['two session tokens', (query: string) => `${query}&X-Amz-Security-Token=0`, /must not occur twice/],
  ])('refuses a request that was changed on the way: %s', (_name, edit, message) => {
    const signed = { more: { a: '1' }, expires: '60' };
    expect(verdict(signed)).toBeUndefined();
    expect(verdict(signed, edit)).toMatch(message);
  });

  it('refuses a request for another host than was signed', () => {
    expect(verdict({}, undefined, `${HOST}:8443`)).toMatch(/does not match the signature/);
  });

  it('sec:S-7 says nothing of secrets and of the signature that it expects', () => {
    const [, signature = ''] = /X-Amz-Signature=([0-9a-f]+)/.exec(signedQuery(VALID)) ?? [];
    const said = [
      verdict({}, (query) => query.replace(signature, signature.replace(/./g, '0'))),
      verdict({ sessionToken: 'another-token' }),
      verdict({ secretAccessKey: 'another-secret' }),
    ].join();
    for (const secret of [signature, TEMPORARY.secretAccessKey, TEMPORARY.sessionToken, 'another-']) {
      expect(said).not.toContain(secret);
    }
  });
});
