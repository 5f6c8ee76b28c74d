// @ts-check
// A page of React that shows a client: its connection, what waits in its queue, and a shadow. This program is all that the page needs
// beside it: a local broker, a lamp whose shadow it shows, and the page itself, made by Vite and served on the loopback.

import { Command, Option } from 'commander';
import { aborted, runExample, wholeNumber } from '../support/device.mjs';
import { startLamp } from './lamp.mjs';
import { buildPage } from './page-files.mjs';
import { servePage } from './page-server.mjs';

const command = new Command('node examples/react-dashboard/main.mjs')
  .description('Show a client in a page of React: its connection, its queue, and the shadow of a lamp.')
  .option('--page-port <number>', 'the port of the page (default: any free one)', wholeNumber(1, 65_535))
  // There is nothing to sign in to elsewhere: this example is always about the broker on this computer.
  .addOption(new Option('--local').default(true).hideHelp());

await runExample(command, async ({ core, flags, signal }) => {
  if (!core) return;
  const lamp = await startLamp(core, signal);
  try {
    const { pagePort = 0 } = /** @type {{ pagePort?: number }} */ (/** @type {unknown} */ (flags));
    const page = await servePage(await buildPage(), { core, thingName: lamp.thingName, port: pagePort });
    try {
      console.log(`page      ${page.url}`);
      console.log(
        `trust     open https://${core.endpoint}:${core.webSocketPort} once in the same browser, and accept its`,
      );
      console.log('          certificate (it then says 404): pages are not asked whether they trust one');
      await aborted(signal);
    } finally {
      await page.close();
    }
  } finally {
    await lamp.close();
  }
});
