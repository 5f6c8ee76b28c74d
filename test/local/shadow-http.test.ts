import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import {
  type LocalIotCore,
  type LocalIotCoreWarning,
  NO_RATE_LIMITS,
  startLocalIotCore,
} from '../../src/local/index.ts';
import { ask, type HttpAnswer } from './http-request.ts';
import { ShadowWire } from './shadow-wire.ts';

const warnings: LocalIotCoreWarning[] = [];
let core: LocalIotCore;
let wire: ShadowWire;
let things = 0;
let thing: string;

beforeAll(async () => {
  core = await startLocalIotCore({
    plainPort: 0,
    limits: NO_RATE_LIMITS,
    onWarning: (warning) => warnings.push(warning),
  });
});
afterAll(() => core.stop());
beforeEach(async () => {
  warnings.length = 0;
  things += 1;
  thing = `thing-${things}`;
  wire = await ShadowWire.open(core, 'wire');
});
afterEach(() => wire.client.endAsync(true));

/** Asks for the shadow of this test's thing. */
function shadow(
  method: string,
  body: string | Buffer = '',
  { query = '', headers = {} }: { query?: string; headers?: Record<string, string> } = {},
): Promise<HttpAnswer> {
  return ask(method, `${core.httpUrl}/things/${thing}/shadow${query}`, body, headers);
}

const said = ({ status, text }: HttpAnswer): string =>
  `${status} ${text.replace(/("timestamp":)\d{10}/g, '$1T')}`;

describe('the shadows of the local core over HTTP', () => {
  it('answer with the bodies of accepted, and mirror in messages what they did', async () => {
    const update = '{"state":{"desired":{"a":1}},"clientToken":"t"}';
    const accepted =
      '{"state":{"desired":{"a":1}},"metadata":{"desired":{"a":{"timestamp":T}}},"version":1,"timestamp":T,"clientToken":"t"}';
    const document =
      '{"state":{"desired":{"a":1},"delta":{"a":1}},"metadata":{"desired":{"a":{"timestamp":T}},"delta":{"a":{"timestamp":T}}},"version":1,"timestamp":T}';
    const deleted = '{"version":1,"timestamp":T}';
    expect(said(await shadow('POST', update))).toBe(`200 ${accepted}`);
    const got = await shadow('GET');
    expect(said(got)).toBe(`200 ${document}`);
    expect(got.headers).toMatchObject({ 'content-type': 'application/json' });
    expect(said(await shadow('DELETE'))).toBe(`200 ${deleted}`);
    await wire.until(() => wire.heard.length === 5);
    expect(wire.heard.map(({ rest, text }) => `${rest} ${text}`)).toEqual([
      'update/delta {"version":1,"timestamp":T,"state":{"a":1},"metadata":{"a":{"timestamp":T}},"clientToken":"t"}',
      'update/documents {"previous":null,"current":{"state":{"desired":{"a":1}},"metadata":{"desired":{"a":{"timestamp":T}}},"version":1},"timestamp":T,"clientToken":"t"}',
      `update/accepted ${accepted}`,
      `get/accepted ${document}`,
      `delete/accepted ${deleted}`,
    ]);
  });

  it('know named shadows, whose names come percent-encoded', async () => {
    const named = { query: '?x=1&name=%24day%3A1' };
    expect(await shadow('POST', '{"state":{"reported":{"a":1}}}', named)).toMatchObject({ status: 200 });
    expect(core.shadows.list(thing)).toEqual(['$day:1']);
    expect(await shadow('GET', '', named)).toMatchObject({ status: 200 });
    expect(said(await shadow('GET', '', { query: '?name=other' }))).toBe(
      `404 {"message":"No shadow exists with name: 'other'"}`,
    );
  });

  it.each<[string, string, number, string | Buffer, string]>([
    ['GET', 'ResourceNotFoundException', 404, '', "No shadow exists with name: '"],
    ['DELETE', 'ResourceNotFoundException', 404, '', "No shadow exists with name: '"],
    ['POST', 'InvalidRequestException', 400, '', 'Invalid JSON'],
    ['POST', 'InvalidRequestException', 400, '{"state":{},"version":5}', 'Invalid version'],
    [
      'POST',
      'UnsupportedDocumentEncodingException',
      415,
      Buffer.from([0xff]),
      'Unsupported documented encoding',
    ],
    [
      'POST',
      'RequestEntityTooLargeException',
      413,
      `{"state":{"desired":{"a":"${'x'.repeat(9_000)}"}}}`,
      'Json document too large.  Size is 9008',
    ],
    [
      'POST',
      'RequestEntityTooLargeException',
      413,
      'x'.repeat(200_000),
      'The payload exceeds the maximum size',
    ],
    ['PUT', 'MethodNotAllowedException', 405, '', 'Method not allowed'],
  ])('refuse a %s with %s (%i), and mirror nothing', async (method, type, status, body, message) => {
    const answer = await shadow(method, body);
    expect(answer.status).toBe(status);
    expect(answer.headers['x-amzn-errortype']).toBe(type);
    expect(JSON.parse(answer.text)).toEqual({ message: expect.stringContaining(message) as string });
    await wire.ask('another', 'get');
    expect(wire.heard).toHaveLength(1);
  });

  it('refuse a stale version with 409', async () => {
    await shadow('POST', '{"state":{},"version":1}');
    expect(said(await shadow('POST', '{"state":{},"version":0}'))).toBe('409 {"message":"Version conflict"}');
  });

  it.each([
    ['/things/lamp', 404],
    ['/things/lamp/shadow/', 404],
    ['/things/a/b/shadow', 404],
    ['/things/a%2Fb/shadow', 400],
    ['/things/%/shadow', 400],
    ['/things/a&b/shadow', 400],
    [`/things/${'n'.repeat(129)}/shadow`, 400],
    ['/things/lamp/shadow?name=', 400],
    ['/things/lamp/shadow?name=%', 400],
    [`/things/lamp/shadow?name=${'n'.repeat(65)}`, 400],
  ])('know no shadow at %s', async (path, status) => {
    const answer = await ask('POST', core.httpUrl + path, '{"state":{}}');
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(/^\{"message":".+"\}$/);
    expect(core.shadows.get({ thingName: 'lamp' })).toBeUndefined();
  });

  it('serve pages of the loopback, as CORS wants it', async () => {
    const Origin = 'http://localhost:5173';
    const preflight = await shadow('OPTIONS', '', {
      headers: { Origin, 'Access-Control-Request-Method': 'DELETE' },
    });
    expect(preflight.status).toBe(204);
    for (const { headers } of [preflight, await shadow('GET', '', { headers: { Origin } })]) {
      expect(headers).toMatchObject({
        'access-control-allow-origin': Origin,
        'access-control-allow-methods': 'GET, POST, DELETE',
        'access-control-allow-headers': '*',
        'access-control-expose-headers': 'x-amzn-ErrorType, x-amzn-RequestId',
        vary: 'Origin',
      });
    }
  });

  it.each([
    [{ Origin: 'https://example.com' }, 'of a page of "https://example.com"'],
    [{ Origin: 'null' }, 'of a page of "null"'],
    [{ Host: 'rebound.example.com' }, 'at the name "rebound.example.com"'],
    [{ Host: 'localhost.example.com:80' }, 'at the name "localhost.example.com:80"'],
    [{ Host: 'localhost@example.com' }, 'at the name "localhost@example.com"'],
  ])('sec:S-21 serve no page of a stranger: %j', async (headers, why) => {
    for (const method of ['OPTIONS', 'GET', 'POST']) {
      const answer = await shadow(method, '{"state":{}}', { headers });
      expect([answer.status, answer.text]).toEqual([403, '']);
      expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    }
    expect(core.shadows.get({ thingName: thing })).toBeUndefined();
    expect(warnings[0]?.message).toBe(
      `the local core refused a request to the shadows ${why}, not on the loopback`,
    );
  });

  it.each(['127.0.0.1', '[::1]:8080', 'LOCALHOST'])('are there at the name %s', async (Host) => {
    expect(await shadow('GET', '', { headers: { Host } })).toMatchObject({ status: 404 });
  });

  it('keep their port over a restart of the core', async () => {
    const { httpUrl } = core;
    await core.restart();
    expect(core.httpUrl).toBe(httpUrl);
    expect(await shadow('GET')).toMatchObject({ status: 404 });
  });
});
