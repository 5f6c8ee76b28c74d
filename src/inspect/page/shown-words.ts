import type { Shown } from '../feed.ts';
import { clockTime, duration } from './time-words.ts';

export type Branch = readonly Shown[] | { readonly [key: string]: Shown };

/** Whether a value has parts that can be shown by themselves. */
export function isBranch(value: Shown): value is Branch {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

export function partsOf(value: Branch): readonly (readonly [string, Shown])[] {
  return Object.entries(value);
}

export type Look = 'text' | 'number' | 'word' | 'hidden';

/** How a value without parts is coloured: what the redactor put in place of something is told apart. */
export function lookOf(value: Shown): Look {
  if (typeof value === 'number') return 'number';
  if (typeof value !== 'string') return 'word';
  return /^\[[^\]]+\]$/.test(value) ? 'hidden' : 'text';
}

/** A value without parts, as text. */
export function wordOf(value: Shown): string {
  if (typeof value === 'string') return lookOf(value) === 'hidden' ? value : `“${value}”`;
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? '[ ]' : '{ }';
  return String(value);
}

/** What is in a value with parts, in a line: `{ code, message }`, `[3]`. */
export function outline(value: Branch): string {
  if (Array.isArray(value)) return `[${value.length}]`;
  const keys = Object.keys(value);
  return `{ ${keys.slice(0, 4).join(', ')}${keys.length > 4 ? ', …' : ''} }`;
}

/** What a number means by the name it has: `…Ms` is how long, `…At` is when. */
export function hint(key: string, value: Shown): string {
  if (typeof value !== 'number') return '';
  if (/Ms$/.test(key) && value >= 1_000) return duration(value);
  // From 2001 on: what is smaller counts from something else.
  if (/At$/.test(key) && value > 1e12) return clockTime(value);
  return '';
}
