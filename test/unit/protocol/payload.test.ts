import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodePayload, type PayloadInput, payloadBytes } from '../../../src/protocol/payload.ts';
import { errorOf } from './error-of.ts';

const MAY_BE =
  'payload must be a string, bytes, a finite number, a boolean, or an object that JSON can write';

describe('encodePayload', () => {
  it.each<[PayloadInput, string]>([
    ['', ''],
    ['{"a":1}', '{"a":1}'],
    [21.5, '21.5'],
    [-0, '0'],
    [1e21, '1e+21'],
    [true, 'true'],
    [false, 'false'],
    [{ moisture: 0.4 }, '{"moisture":0.4}'],
    [[1, null, 'a'], '[1,null,"a"]'],
    [{}, '{}'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [Object.create(null, { a: { value: 1, enumerable: true } }), '{"a":1}'],
    [
      new (class Reading {
        celsius = 4;
      })(),
      '{"celsius":4}',
    ],
  ])('writes %j as the text %j', (payload, text) => {
    expect(encodePayload(payload)).toBe(text);
  });

  it('copies bytes, so that the caller may change his at once (fault:G-8)', () => {
    const bytes = new Uint8Array([1, 2, 3]);
    const encoded = encodePayload(bytes);
    bytes.fill(9);
    expect(encoded).toEqual(new Uint8Array([1, 2, 3]));
  });

  it('copies a Buffer, whose own slice would not (fault:G-8)', () => {
    const pool = Buffer.from('abcdef');
    const encoded = encodePayload(pool.subarray(1, 3));
    pool.fill(0);
    expect(encoded).toEqual(new Uint8Array([0x62, 0x63]));
    expect((encoded as Uint8Array).buffer.byteLength).toBe(2);
  });

  it('copies an ArrayBuffer, and of a view the bytes that it shows (fault:G-8)', () => {
    const { buffer } = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
    const views = [buffer, new DataView(buffer, 2, 3), new Uint16Array(buffer, 2, 1)].map((view) =>
      encodePayload(view),
    );
    new Uint8Array(buffer).fill(0);
    expect(views).toEqual([
      new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]),
      new Uint8Array([3, 4, 5]),
      new Uint8Array([3, 4]),
    ]);
  });

  it('knows bytes and buffers of another realm', () => {
    expect(encodePayload(runInNewContext('new Uint8Array([1, 2])'))).toEqual(new Uint8Array([1, 2]));
    expect(encodePayload(runInNewContext('new Uint8Array([1, 2]).buffer'))).toEqual(new Uint8Array([1, 2]));
    expect(encodePayload(runInNewContext('({ a: [1] })'))).toBe('{"a":[1]}');
  });

  it('takes an object as it is now (fault:G-8)', () => {
    const reading = { moisture: 0.4 };
    const encoded = encodePayload(reading);
    reading.moisture = 1;
    expect(encoded).toBe('{"moisture":0.4}');
  });

  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [5n, '5n'],
    [Symbol('s'), 'Symbol(s)'],
    [() => 1, 'a function'],
    [{ toJSON: () => undefined, a: 1 }, 'an object (toJSON, a)'],
    [{ big: 5n }, 'an object (big)'],
    [new Map([['a', 1]]), 'a Map'],
    [new Set([1]), 'a Set'],
    [Promise.resolve(1), 'a Promise'],
    [/a/, 'a RegExp'],
    [new Error('lost'), 'an Error'],
    [Object.assign(Object.create(null), { big: 5n }), 'an object (big)'],
  ])('refuses %s, which has no text or would lose what it holds', (payload, given) => {
    const error = errorOf(() => encodePayload(payload as PayloadInput));
    expect([error.code, error.message]).toEqual(['INVALID_ARGUMENT', `${MAY_BE}; given: ${given}`]);
  });

  it.each([undefined, null, Number.NaN, 5n, Symbol('s'), () => 1, new Map()])(
    'refuses %s by itself, and not because something failed',
    (payload) => {
      expect('cause' in errorOf(() => encodePayload(payload as PayloadInput))).toBe(false);
    },
  );

  it('refuses a cycle, names the field it was told and keeps the cause', () => {
    const loop: Record<string, unknown> = { a: 1 };
    loop['self'] = loop;
    const error = errorOf(() => encodePayload(loop, 'will.payload'));
    expect(error.message).toMatch(/^will\.payload must be .*; given: an object \(a, self\)$/);
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  it('refuses bytes that were transferred away', () => {
    const bytes = new Uint8Array([1]);
    structuredClone(bytes, { transfer: [bytes.buffer] });
    expect(errorOf(() => encodePayload(bytes)).code).toBe('INVALID_ARGUMENT');
    expect(errorOf(() => encodePayload(bytes.buffer)).code).toBe('INVALID_ARGUMENT');
  });

  it('refuses an object whose toJSON throws', () => {
    const cause = new RangeError('mine');
    const payload = {
      toJSON() {
        throw cause;
      },
    };
    expect(errorOf(() => encodePayload(payload)).cause).toBe(cause);
  });

  it('writes JSON that reads back as what was given', () => {
    const json = fc.jsonValue().filter((value) => value !== null && typeof value !== 'string');
    fc.assert(
      fc.property(json, (value) => {
        const text = encodePayload(value) as string;
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('throws nothing but IotError INVALID_ARGUMENT, whatever it is given', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withMap: true, withTypedArray: true, withNullPrototype: true }),
        (value) => {
          try {
            const encoded = encodePayload(value as PayloadInput);
            expect(typeof encoded === 'string' || encoded instanceof Uint8Array).toBe(true);
          } catch (error) {
            expect(error).toMatchObject({ name: 'IotError', code: 'INVALID_ARGUMENT' });
          }
        },
      ),
    );
  });
});

describe('payloadBytes', () => {
  it('is the length on the wire: of bytes themselves, of text in UTF-8', () => {
    expect([payloadBytes(''), payloadBytes('né😀'), payloadBytes(new Uint8Array(5))]).toEqual([0, 7, 5]);
  });
});
