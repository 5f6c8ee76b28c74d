import { DEPTHS_MS, type Depth } from './feed-store.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The most that waited in the last minute. */
export function deepest(course: readonly Depth[]): number {
  return Math.max(0, ...course.map(({ queued }) => queued ?? 0));
}

/** The course of a queue in the last minute as steps, for the attribute `d` of a path: now is at the right edge. */
export function steps(course: readonly Depth[], now: number, { width, height }: Size): string {
  const most = Math.max(1, deepest(course));
  const x = (at: number): number => round(Math.max(0, (1 - (now - at) / DEPTHS_MS) * width));
  const y = (queued: number): number => round(height - (queued / most) * height);
  let isDown = false;
  const parts: string[] = [];
  for (const [index, { at, queued }] of course.entries()) {
    const end = course[index + 1]?.at ?? now;
    if (queued === null || end < now - DEPTHS_MS) {
      isDown = false;
      continue;
    }
    parts.push(`${isDown ? 'L' : 'M'}${x(at)} ${y(queued)}H${x(end)}`);
    isDown = true;
  }
  return parts.join('');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
