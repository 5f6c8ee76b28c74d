import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IotError } from '../../../src/protocol/errors.ts';
import { readShadowMessage, type ShadowMessage } from '../../../src/protocol/shadow-messages.ts';
import { isJsonObject, type JsonValue } from '../../../src/protocol/shadow-state.ts';
import { SHADOW_MESSAGES, type ShadowMessageKind } from '../../../src/protocol/shadow-topics.ts';
import { jsonValue } from './shadow-arbitraries.ts';

const encoder = new TextEncoder();

function read(kind: ShadowMessageKind, payload: unknown): ShadowMessage | IotError {
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
  return readShadowMessage(kind, encoder.encode(text));
}

const at = (timestamp: number) => ({ timestamp });

/** Messages as sessions with AWS have shown them, or as AWS documents them where none has; and what they are read as. */
const SAMPLES: readonly [ShadowMessageKind, string, object][] = [
  [
    'get/accepted',
    '{"state":{"desired":{"Color":"green"},"reported":{"Color":"green"}},"metadata":{"desired":{"Color":{"timestamp":1719859726}},"reported":{"Color":{"timestamp":1719859716}}},"version":16,"timestamp":1719859789,"clientToken":"7b9b5e47"}',
    {
      version: 16,
      state: { desired: { Color: 'green' }, reported: { Color: 'green' } },
      metadata: { desired: { Color: at(1719859726) }, reported: { Color: at(1719859716) } },
      timestamp: 1719859789,
      clientToken: '7b9b5e47',
    },
  ],
  [
    'get/accepted',
    '{"state":{"desired":{"color":"RED","state":"STOP"},"reported":{"color":"GREEN","engine":"ON"},"delta":{"color":"RED","state":"STOP"}},"metadata":{"desired":{},"reported":{},"delta":{"color":{"timestamp":12345},"state":{"timestamp":12345}}},"version":17,"timestamp":123456789}',
    {
      version: 17,
      state: {
        desired: { color: 'RED', state: 'STOP' },
        reported: { color: 'GREEN', engine: 'ON' },
        delta: { color: 'RED', state: 'STOP' },
      },
      metadata: { desired: {}, reported: {}, delta: { color: at(12345), state: at(12345) } },
      timestamp: 123456789,
    },
  ],
  [
    'get/accepted',
    '{"state":{},"metadata":{},"version":1,"timestamp":1}',
    { version: 1, state: {}, metadata: {}, timestamp: 1 },
  ],
  [
    'update/accepted',
    '{"state":{"desired":{"Color":"red"}},"metadata":{"desired":{"Color":{"timestamp":1719855498}}},"version":5,"timestamp":1719855498,"clientToken":"79737dba"}',
    {
      version: 5,
      state: { desired: { Color: 'red' } },
      metadata: { desired: { Color: at(1719855498) } },
      timestamp: 1719855498,
      clientToken: '79737dba',
    },
  ],
  [
    'update/accepted',
    '{"state":{"desired":null,"reported":{"a":null}},"version":6}',
    { version: 6, state: { desired: null, reported: { a: null } } },
  ],
  [
    'update/accepted',
    '{"state":null,"metadata":{"timestamp":7},"version":1,"timestamp":7}',
    { version: 1, state: null, metadata: at(7), timestamp: 7 },
  ],
  [
    'update/delta',
    '{"version":5,"timestamp":1719855498,"state":{"Color":"red"},"metadata":{"Color":{"timestamp":1719855498}},"clientToken":"79737dba"}',
    {
      version: 5,
      state: { Color: 'red' },
      metadata: { Color: at(1719855498) },
      timestamp: 1719855498,
      clientToken: '79737dba',
    },
  ],
  [
    'update/documents',
    '{"previous":null,"current":{"state":{"reported":{"Color":"green"}},"metadata":{"reported":{"Color":{"timestamp":1719853620}}},"version":1},"timestamp":1719853620,"clientToken":"2e073dae"}',
    {
      previous: null,
      current: {
        state: { reported: { Color: 'green' } },
        metadata: { reported: { Color: at(1719853620) } },
        version: 1,
      },
      timestamp: 1719853620,
      clientToken: '2e073dae',
    },
  ],
  [
    'update/documents',
    '{"previous":{"state":{"desired":{"a":1}},"metadata":{},"version":4},"current":{"state":{},"metadata":{},"version":5},"timestamp":1719855498,"clientToken":"79737dba"}',
    {
      previous: { state: { desired: { a: 1 } }, metadata: {}, version: 4 },
      current: { state: {}, metadata: {}, version: 5 },
      timestamp: 1719855498,
      clientToken: '79737dba',
    },
  ],
  [
    'delete/accepted',
    '{"version":13,"timestamp":1719858420,"clientToken":"14e3c6d4"}',
    { version: 13, timestamp: 1719858420, clientToken: '14e3c6d4' },
  ],
  [
    'update/rejected',
    '{"code":409,"message":"Version conflict","clientToken":"426bfd96"}',
    { rejection: { code: 409, message: 'Version conflict' }, clientToken: '426bfd96' },
  ],
  [
    'get/rejected',
    '{"clientToken":"1","code":404,"message":"No shadow exists with name: \'t\'"}',
    { rejection: { code: 404, message: "No shadow exists with name: 't'" }, clientToken: '1' },
  ],
  [
    'delete/rejected',
    '{"code":400,"message":"Invalid JSON","timestamp":5}',
    { rejection: { code: 400, message: 'Invalid JSON' }, timestamp: 5 },
  ],
  ['get/rejected', '{"code":429}', { rejection: { code: 429, message: '' } }],
  ['get/rejected', '{"code":500,"message":7}', { rejection: { code: 500, message: '' } }],
];

const VERSION = 'have a version, a whole number';
const SECTIONS = 'have a state of which each section is an object';
const DOCUMENTS = 'have current and previous, documents with state and version; previous may be null';
const document = { state: {}, version: 1 };

const WRONG: readonly [string, ShadowMessageKind, unknown, string][] = [
  ['no JSON', 'get/accepted', 'ThisIsGarbagePayload!', 'be JSON'],
  ['nothing', 'update/delta', '', 'be JSON'],
  ['a number for a message', 'update/delta', 5, 'be a JSON object'],
  ['an array for a message', 'get/rejected', [1], 'be a JSON object'],
  ['null for a message', 'delete/accepted', 'null', 'be a JSON object'],
  ['py:H8 a delta without a version', 'update/delta', { state: { a: 1 } }, VERSION],
  ['a document without a version', 'get/accepted', { state: {} }, VERSION],
  ['an update without a version', 'update/accepted', { state: {} }, VERSION],
  ['a version that is text', 'get/accepted', { state: {}, version: '1' }, VERSION],
  ['a version below 0', 'update/delta', { state: {}, version: -1 }, VERSION],
  ['a version that is no whole number', 'update/delta', { state: {}, version: 1.5 }, VERSION],
  [
    'a version that no number holds exactly',
    'update/delta',
    '{"state":{},"version":9007199254740992}',
    VERSION,
  ],
  ['a version beyond all numbers', 'update/delta', '{"state":{},"version":1e999}', VERSION],
  ['a version of null after a delete', 'delete/accepted', { version: null }, VERSION],
  ['no version after a delete', 'delete/accepted', { timestamp: 3 }, VERSION],
  ['a delta without state', 'update/delta', { version: 1 }, 'have a state that is an object'],
  ['a delta of null', 'update/delta', { version: 1, state: null }, 'have a state that is an object'],
  ['a delta that is an array', 'update/delta', { version: 1, state: [] }, 'have a state that is an object'],
  ['a document without state', 'get/accepted', { version: 1 }, SECTIONS],
  ['a document of null', 'get/accepted', { version: 1, state: null }, SECTIONS],
  ['a number for a document', 'get/accepted', { version: 1, state: 3 }, SECTIONS],
  ['a section of null', 'get/accepted', { version: 1, state: { desired: null } }, SECTIONS],
  ['an array for a section', 'get/accepted', { version: 1, state: { reported: [] } }, SECTIONS],
  ['a number for the delta of a document', 'get/accepted', { version: 1, state: { delta: 1 } }, SECTIONS],
  ['an update without state', 'update/accepted', { version: 1 }, `${SECTIONS} or null`],
  ['text for an update', 'update/accepted', { version: 1, state: 'x' }, `${SECTIONS} or null`],
  [
    'a number for what changed',
    'update/accepted',
    { version: 1, state: { desired: 1 } },
    `${SECTIONS} or null`,
  ],
  ['documents without a previous one', 'update/documents', { current: document }, DOCUMENTS],
  ['documents without a current one', 'update/documents', { previous: null }, DOCUMENTS],
  ['a current document of null', 'update/documents', { previous: null, current: null }, DOCUMENTS],
  [
    'a document without its version',
    'update/documents',
    { previous: null, current: { state: {} } },
    DOCUMENTS,
  ],
  [
    'a document whose state is a list',
    'update/documents',
    { previous: { version: 1, state: [] }, current: document },
    DOCUMENTS,
  ],
  ['a rejection without a code', 'get/rejected', { message: 'Forbidden' }, 'have a code, a whole number'],
  ['a rejection whose code is text', 'get/rejected', { code: '403' }, 'have a code, a whole number'],
];

function expectUnexpected(kind: ShadowMessageKind, read: unknown, expectation: string): void {
  expect(IotError.is(read)).toBe(true);
  expect(read).toMatchObject({
    code: 'INVALID_DOCUMENT',
    message: `what came on ${kind} of a shadow must ${expectation}`,
  });
}

/** What the types promise, looked at once more. */
function keepsItsPromise(kind: ShadowMessageKind, message: ShadowMessage | IotError): boolean {
  if (IotError.is(message)) return message.code === 'INVALID_DOCUMENT';
  const sections = (state: object, isSection: (value: unknown) => boolean = isJsonObject) =>
    Object.entries(state).every(
      ([name, value]) => ['desired', 'reported', 'delta'].includes(name) && isSection(value),
    );
  const version = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0;
  const isRight = () => {
    switch (message.kind) {
      case 'get/accepted':
        return version(message.version) && sections(message.state);
      case 'update/accepted':
        return (
          version(message.version) &&
          sections(message.state ?? {}, (value) => value === null || isJsonObject(value))
        );
      case 'update/delta':
        return version(message.version) && isJsonObject(message.state);
      case 'update/documents':
        return [message.current, message.previous ?? message.current].every(
          (one) => version(one.version) && sections(one.state),
        );
      case 'delete/accepted':
        return version(message.version);
      default:
        return version(message.rejection.code) && typeof message.rejection.message === 'string';
    }
  };
  return message.kind === kind && ['string', 'undefined'].includes(typeof message.clientToken) && isRight();
}

/** A sample in which one value, wherever it is, is another one or gone. */
const mutated = fc
  .tuple(fc.constantFrom(...SAMPLES), fc.nat(), fc.option(jsonValue, { nil: undefined }))
  .map(([[kind, text], at, value]) => {
    let places = 0;
    JSON.parse(text, (_, one: JsonValue) => {
      places++;
      return one;
    });
    let place = 0;
    const changed: unknown = JSON.parse(text, (_, one: JsonValue) => (place++ === at % places ? value : one));
    return [kind, JSON.stringify(changed)] as const;
  });

describe('reading what came on a topic of a shadow', () => {
  it.each(SAMPLES)('reads %s %s', (kind, text, message) => {
    expect(read(kind, text)).toStrictEqual({ kind, ...message });
  });

  it.each(WRONG)('fault:H-8 refuses %s on %s', (_, kind, payload, expectation) => {
    expectUnexpected(kind, read(kind, payload), expectation);
  });

  it.each(SHADOW_MESSAGES)('sec:S-11 bounds bytes and levels on %s before it parses', (kind) => {
    expectUnexpected(kind, readShadowMessage(kind, new Uint8Array(131_073)), 'be of at most 131072 bytes');
    expectUnexpected(kind, read(kind, `${'['.repeat(33)}${']'.repeat(33)}`), 'have at most 32 levels');
    expectUnexpected(kind, read(kind, `${'['.repeat(32)}${']'.repeat(32)}`), 'be a JSON object');
    expectUnexpected(kind, readShadowMessage(kind, new Uint8Array([0x22, 0xff, 0x22])), 'be UTF-8');
  });

  it('drops what it does not know, and what is not of its kind beside the state', () => {
    const state = { desired: { a: 1 }, extra: 5, __secret: {} };
    const rest = { metadata: [1], clientToken: 7, timestamp: 'now', stranger: true };
    expect(read('get/accepted', { state, version: 1, ...rest })).toStrictEqual({
      kind: 'get/accepted',
      state: { desired: { a: 1 } },
      version: 1,
    });
    expect(read('update/accepted', { state: { ...state, delta: {} }, version: 1, ...rest })).toStrictEqual({
      kind: 'update/accepted',
      state: { desired: { a: 1 } },
      version: 1,
    });
    expect(read('delete/accepted', { version: 0, metadata: {} })).toStrictEqual({
      kind: 'delete/accepted',
      version: 0,
    });
  });

  it('fault:H-17 keeps names of Object.prototype in a state as plain data', () => {
    const text = '{"version":1,"state":{"desired":{"__proto__":{"x":1}},"__proto__":{"reported":{"y":1}}}}';
    const message = read('get/accepted', text) as { state: { desired: object } };
    expect(JSON.stringify(message.state)).toBe('{"desired":{"__proto__":{"x":1}}}');
    expect(Object.getPrototypeOf(message.state)).toBe(Object.prototype);
    expect('reported' in message.state).toBe(false);
  });

  it('fault:H-8 never throws on bytes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...SHADOW_MESSAGES), fc.uint8Array({ maxLength: 100 }), (kind, bytes) => {
        expect(keepsItsPromise(kind, readShadowMessage(kind, bytes))).toBe(true);
      }),
    );
  });

  it('fault:H-8 never throws on JSON', () => {
    fc.assert(
      fc.property(fc.constantFrom(...SHADOW_MESSAGES), jsonValue, (kind, value) => {
        expect(keepsItsPromise(kind, read(kind, JSON.stringify(value)))).toBe(true);
      }),
    );
  });

  it('fault:H-8 never throws on a real message with something wrong in it, nor reads more than is there', () => {
    fc.assert(
      fc.property(mutated, ([kind, text = '']) => {
        expect(keepsItsPromise(kind, read(kind, text))).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it('fault:H-8 never throws on a real message with another byte in it', () => {
    fc.assert(
      fc.property(fc.constantFrom(...SAMPLES), fc.nat(), fc.nat(255), ([kind, text], at, byte) => {
        const bytes = encoder.encode(text);
        bytes[at % bytes.length] = byte;
        expect(keepsItsPromise(kind, readShadowMessage(kind, bytes))).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it('sec:S-17 shows nothing of the payload in an error', () => {
    const payloads = ['canary', '{"canary":"canary"', { version: 'canary', state: 'canary', code: 'canary' }];
    for (const kind of SHADOW_MESSAGES) {
      for (const payload of payloads) {
        const error = read(kind, payload);
        expect(IotError.is(error)).toBe(true);
        expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch('canary');
      }
    }
  });
});
