import type { AnyStateMachine } from 'xstate';
import { describe } from './describe.ts';
import { quickLayout } from './layout.ts';
import { toSvg } from './svg.ts';

/**
 * Draws a machine as an SVG for light and dark. With the optional peer `elkjs` states are connected by arrows; without it each box
 * lists where its transitions lead, and the picture says what to install.
 */
export async function drawMachine(machine: AnyStateMachine): Promise<string> {
  const { description } = describe(machine);
  const picture = await quickLayout(description);
  return picture ? toSvg(picture) : '';
}

/** The name of a machine's files in `visualizations/`, without what follows the dot. */
export function fileStem(machine: string): string {
  return machine.replaceAll(/[^\w-]+/g, '-');
}
