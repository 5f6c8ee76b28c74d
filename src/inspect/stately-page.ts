import { inspectorOf, type StatelyInspector } from './stately-inspector.ts';
import type { LineSocket } from './stately-line.ts';
import {
  checkStatelyOptions,
  type StatelyBrowserOptions,
  type StatelySkyOptions,
} from './stately-options.ts';
import { skyOutlet } from './stately-sky.ts';
import { windowOutlet } from './stately-window.ts';

/**
 * Shows machines of a page in Stately's viewer, without their secrets; and without payloads, unless they are asked for. It needs the package
 * `@statelyai/inspect` (an optional peer: `npm install --save-dev @statelyai/inspect@0.7`).
 *
 * @throws IotError `INVALID_ARGUMENT`, also when the browser let no window open; or `MISSING_PACKAGE`
 */
export async function statelyInspector(
  options: StatelyBrowserOptions | StatelySkyOptions,
): Promise<StatelyInspector> {
  checkStatelyOptions(options, ['browser', 'sky']);
  const { payloads = 'none' } = options;
  return inspectorOf(
    payloads,
    options.via === 'sky' ? skyOutlet(options, openSocket) : windowOutlet(options),
  );
}

const openSocket = (url: string): LineSocket => new WebSocket(url) as unknown as LineSocket;
