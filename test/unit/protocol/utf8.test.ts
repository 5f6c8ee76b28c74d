import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWellFormed, utf8Bytes } from '../../../src/protocol/utf8.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
// Units that are not always pairs: lone surrogates come often.
const anyText = fc.string({
  unit: fc.constantFrom('a', '\u007f', '\u0080', '\u07ff', '\u0800', '\ud83d', '\ude00', '\uffff'),
});

describe('utf8Bytes', () => {
  it.each([
    ['', 0],
    ['plants/basil', 12],
    ['\u007f\u0080\u07ff\u0800\uffff', 1 + 2 + 2 + 3 + 3],
    ['😀', 4],
    ['\ud83d', 3],
    ['\ude00\ud83d', 6],
  ])('counts %j as %i bytes', (text, bytes) => {
    expect(utf8Bytes(text)).toBe(bytes);
  });

  it('counts what an encoder writes, whatever the text', () => {
    fc.assert(fc.property(anyText, (text) => utf8Bytes(text) === encoder.encode(text).length));
  });
});

describe('isWellFormed', () => {
  it('is true for exactly the texts that survive UTF-8 (MQTT-1.5.4-1)', () => {
    fc.assert(
      fc.property(anyText, (text) => isWellFormed(text) === (decoder.decode(encoder.encode(text)) === text)),
    );
  });
});
