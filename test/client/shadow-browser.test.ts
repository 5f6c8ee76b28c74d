// Shadows as a page has them, on Node: with the WebSocket of `ws` in the place of a browser's.
import { expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createIotClient, ShadowRejectedError, sigV4 } from '../../src/browser.ts';
import { Heard } from './shadow-support.ts';
import { failureOf, judged, useCore } from './support.ts';

const core = useCore();

test('a page has shadows too, also where browsers make no UUID: on a page of plain http', async () => {
  const { ca } = core();
  const { crypto } = globalThis;
  vi.stubGlobal('crypto', {
    subtle: crypto.subtle,
    getRandomValues: (bytes: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(bytes),
  });
  vi.stubGlobal(
    'WebSocket',
    class extends WebSocket {
      constructor(url: string, protocol: string) {
        super(url, protocol, { ca });
      }
    },
  );
  const client = judged(
    createIotClient({
      endpoint: core().endpoint,
      port: core().webSocketPort,
      clientId: 'page',
      auth: sigV4({ credentials: () => core().issueCredentials(), region: core().region }),
    }),
  );
  await client.connect();
  const shadow = client.shadow('page');
  const deltas = new Heard<unknown>();
  shadow.onDelta(({ state }) => deltas.push(state));
  await shadow.whenSynced();
  expect((await shadow.update({ desired: { on: true } })).clientToken).toMatch(/^[\da-f]{32}$/);
  expect(await deltas.until(1)).toEqual([{ on: true }]);
  expect(await failureOf(client.shadow('other').delete())).toBeInstanceOf(ShadowRejectedError);
});
