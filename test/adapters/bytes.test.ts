import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import * as ofNode from '../../src/adapters/bytes.ts';
import { anyText } from '../support/any-text.ts';

const surrogate = fc.integer({ min: 0xd800, max: 0xdfff }).map((unit) => String.fromCharCode(unit));
const textWithHalves = fc
  .array(fc.oneof(anyText({ maxLength: 20 }), surrogate), { maxLength: 10 })
  .map((parts) => parts.join(''));

/** The same module, as a page has it. */
async function ofPage(): Promise<typeof ofNode> {
  vi.resetModules();
  const versions = Object.getOwnPropertyDescriptor(process, 'versions') as PropertyDescriptor;
  Object.defineProperty(process, 'versions', { ...versions, value: {} });
  try {
    return await import('../../src/adapters/bytes.ts');
  } finally {
    Object.defineProperty(process, 'versions', versions);
  }
}

let page: typeof ofNode;
beforeEach(async () => {
  page = await ofPage();
});
afterEach(() => vi.resetModules());

test('a page writes and counts text as Node does, lone surrogates too', () => {
  fc.assert(
    fc.property(textWithHalves, (text) => {
      const [here, there] = [ofNode, page].map(({ allocate, textBytes, writeText }) => {
        const memory = allocate(textBytes(text) + 4).fill(0xff);
        return { bytes: textBytes(text), end: writeText(memory, 2, text), memory: [...memory] };
      });
      expect(there).toEqual(here);
      expect(here?.end).toBe(2 + (here?.bytes ?? 0));
    }),
  );
});

test('memory and password are of Node where Node is, and of no class of its own in a page, whatever is in the place of Buffer', () => {
  expect(ofNode.allocate(1)).toBeInstanceOf(Buffer);
  expect(ofNode.passwordFor('grüezi')).toEqual(Buffer.from('grüezi'));
  expect(page.allocate(1)).not.toBeInstanceOf(Buffer);
  expect(page.passwordFor('grüezi')).toBe('grüezi');
});
