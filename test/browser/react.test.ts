import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { seriousFaults } from './axe.ts';
import { launchChromium } from './chromium.ts';

const root = join(import.meta.dirname, '../..');
/** Chromium says so itself of each line that breaks; the page cannot keep it from that. */
const OF_THE_BROWSER = /^(WebSocket connection to |Failed to load resource: net::ERR_)/;

let example: ChildProcessWithoutNullStreams;
let complaints = '';
let browser: Browser;
let url: string;
let page: Page;
let errors: string[];
/** How many WebSockets the page has opened. */
let sockets: number;

beforeAll(async () => {
  // As a person starts it; packing has built the package.
  example = spawn(process.execPath, ['examples/react-dashboard/main.mjs'], {
    cwd: root,
    env: { PATH: process.env['PATH'] },
  });
  example.stderr.on('data', (text: Buffer) => {
    complaints += text.toString();
  });
  url = await printedUrl();
  browser = await launchChromium();
});

afterAll(async () => {
  await browser.close();
  const end = once(example, 'close');
  example.kill('SIGINT');
  expect([...(await end), complaints]).toEqual([130, null, '']);
});

beforeEach(async () => {
  errors = [];
  sockets = 0;
  // A person accepts the certificate once; nobody is here to do it.
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  page = await context.newPage();
  page.on('websocket', () => {
    sockets += 1;
  });
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    const isOurs = ['error', 'warning'].includes(message.type()) && !OF_THE_BROWSER.test(message.text());
    if (isOurs) errors.push(message.text());
  });
  await page.goto(url);
});

afterEach(async () => {
  await page.context().close();
  expect(errors).toEqual([]);
});

async function printedUrl(): Promise<string> {
  let said = '';
  return await new Promise((resolve, reject) => {
    example.stdout.on('data', (text: Buffer) => {
      said += text.toString();
      const [, found] = /^page +(\S+)$/m.exec(said) ?? [];
      if (found !== undefined) resolve(found);
    });
    example.once('close', () => reject(new Error(`the example has ended: ${said}${complaints}`)));
  });
}

const textOf = async (locator: Locator) => (await locator.textContent()) ?? '';
const stand = (title: string) =>
  page.getByRole('region', { name: 'Connection' }).getByRole('status').getByText(title, { exact: true });
const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
const fates = async () => await textOf(page.getByRole('list', { name: 'What became of them' }));
const shadow = (what: string) => page.locator(`[data-shadow="${what}"]`);
const queued = async () => Number(await textOf(page.locator('[data-count="queued"]')));

async function shows(text: string, locator: Locator): Promise<void> {
  await expect.poll(async () => await textOf(locator), { timeout: 10_000 }).toBe(text);
}

describe('the React page over WSS', () => {
  it('connects, although StrictMode runs each effect twice', async () => {
    await stand('Live').waitFor();
    expect(sockets).toBe(1);
    expect(await textOf(page.getByRole('region', { name: 'The machines themselves' }))).toContain(
      'shadow/desk-lamp',
    );
    await press('Publish a note');
    await expect.poll(fates).toContain('delivered');
  });

  it('shows what waits without a line, counts down to the next attempt, comes back and lets it go', async () => {
    await stand('Live').waitFor();
    await press('Take the network away');
    await stand('Backing off').waitFor();
    // Later ones are longer: there is time to look at it.
    await expect.poll(async () => await page.getByRole('timer').count()).toBe(1);
    const seconds = async () => Number.parseFloat((await textOf(page.getByRole('timer'))).slice(3));
    const first = await seconds();
    await expect.poll(seconds).toBeLessThan(first);
    await press('Publish five');
    await expect.poll(queued).toBe(5);
    expect(await textOf(page.getByRole('list', { name: 'In the order in which they go' }))).toMatch(
      /"note":1\}[\s\S]*waits[\s\S]*"note":5\}/,
    );
    expect(await fates()).toMatch(/note 5\s+queued/);
    await press('Give the network back');
    await stand('Draining').waitFor();
    await stand('Live').waitFor();
    await expect.poll(queued).toBe(0);
    await expect.poll(fates).toMatch(/note 5\s+delivered[\s\S]*note 1\s+delivered/);
  });

  it('comes back by itself after a cut', async () => {
    await stand('Live').waitFor();
    await press('Cut the line once');
    await stand('Backing off').waitFor();
    await page.getByText('CONNECTION_LOST').waitFor();
    await stand('Live').waitFor();
  });

  it('desires, shows the delta, and then what the lamp reports', async () => {
    await stand('Live').waitFor();
    await page.getByText(/^In sync/).waitFor();
    const [before, wish] = (await textOf(shadow('reported power'))) === 'on' ? ['on', 'off'] : ['off', 'on'];
    await press(`Switch ${wish}`);
    await shows(wish, shadow('delta power'));
    expect(await textOf(shadow('reported power'))).toBe(before);
    await shows(wish, shadow('reported power'));
    await shows('—', shadow('delta power'));
    expect(await textOf(shadow('desired power'))).toBe(wish);
    await page.getByRole('slider').fill('75');
    await press('Desire it');
    await shows('75', shadow('reported brightness'));
  });

  it('says why a wish cannot be granted without a line', async () => {
    await stand('Live').waitFor();
    await press('Take the network away');
    await stand('Backing off').waitFor();
    await page.getByText(/^May be old/).waitFor();
    await press('Switch on');
    await page.getByText(/^DISCONNECTED: /).waitFor();
    await press('Give the network back');
    await stand('Live').waitFor();
  });

  it('has no serious fault of accessibility, light and dark, wide and narrow, with a line and without', async () => {
    await stand('Live').waitFor();
    await page.getByText(/^In sync/).waitFor();
    await looksRight('live', 'light', 1_200);
    await press('Take the network away');
    await page.getByText('WEBSOCKET_FAILED').waitFor();
    await press('Publish five');
    await expect.poll(queued).toBe(5);
    await looksRight('away', 'light', 1_200);
    await looksRight('away', 'dark', 1_200);
    await looksRight('away', 'dark', 360);
    await press('Give the network back');
    await stand('Live').waitFor();
  });
});

async function looksRight(name: string, colorScheme: 'light' | 'dark', width: number): Promise<void> {
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize({ width, height: 900 });
  expect(await seriousFaults(page)).toEqual([]);
  // Nothing stands out to the side.
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
  const { REACT_SCREENSHOTS: folder } = process.env;
  if (folder === undefined) return;
  await page.screenshot({ path: join(folder, `${name}-${colorScheme}-${width}.png`), fullPage: true });
}
