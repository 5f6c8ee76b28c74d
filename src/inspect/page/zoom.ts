import type { Size } from './sparkline.ts';

/** Smaller than this nobody can read a chart. */
const READABLE = 0.75;
const SMALLEST = 0.1;
const LARGEST = 3;

/** `comfortable`: as much as can be read at once. */
export type Zoom = 'comfortable' | 'whole' | number;

/** By how much a picture is made larger in a frame. */
export function scaleOf(zoom: Zoom, picture: Size, frame: Size): number {
  const wide = frame.width / picture.width;
  const whole = Math.min(1, wide, frame.height / picture.height);
  if (zoom === 'whole') return bounded(whole);
  if (zoom === 'comfortable') return bounded(Math.max(whole, Math.min(1, Math.max(READABLE, wide))));
  return bounded(zoom);
}

/** One step in or out. */
export function zoomed(scale: number, direction: 1 | -1): number {
  return bounded(scale * 1.25 ** direction);
}

function bounded(scale: number): number {
  return Math.min(LARGEST, Math.max(SMALLEST, scale));
}
