import type { AnyStateMachine } from 'xstate';
import { IotError } from '../../protocol/errors.ts';
import { describe } from './describe.ts';
import { quickLayout } from './layout.ts';
import { plainLayout } from './plain-layout.ts';
import { toSvg } from './svg.ts';

/**
 * Draws a machine as an SVG for light and dark. With the optional peer `elkjs` states are connected by arrows; without it each box
 * lists where its transitions lead, and the picture says what to install.
 */
export async function drawMachine(machine: AnyStateMachine): Promise<string> {
  const { description } = describe(machine);
  try {
    const picture = await quickLayout(description);
    return toSvg(picture ?? plainLayout(description));
  } catch (error) {
    if (!(error instanceof IotError) || error.code !== 'MISSING_PACKAGE') throw error;
    return toSvg(plainLayout(description), `For arrows ${error.remediation}`);
  }
}

/** The name of a machine's files in `visualizations/`, without what follows the dot. */
export function fileStem(machine: string): string {
  return machine.replaceAll(/[^\w-]+/g, '-');
}
