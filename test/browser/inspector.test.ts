import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createActor, createMachine } from 'xstate';
import type { IotClient } from '../../src/index.ts';
import type { Inspector } from '../../src/inspect/index.ts';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import { launchChromium } from './chromium.ts';
import { inspect, LivePage, sdk, Witness } from './inspector-world.ts';

let core: LocalIotCore;
let browser: Browser;
let inspector: Inspector;
let witness: Witness;
let clients: IotClient[];

beforeAll(async () => {
  core = await startLocalIotCore({ limits: NO_RATE_LIMITS });
  browser = await launchChromium();
});

afterAll(async () => {
  await browser.close();
  await core.stop();
});

beforeEach(() => {
  witness = new Witness();
  clients = [];
});

afterEach(async () => {
  await inspector.close();
  await Promise.all(clients.map((client) => client.close()));
  await core.faults.listen();
  core.faults.thaw();
  await core.when(() => core.clients.length === 0);
});

function openClient(clientId: string, more: object = {}): IotClient {
  const client = sdk.createIotClient({
    ...core.deviceOptions(clientId),
    reconnect: { baseMs: 1_500, maxMs: 10_000, stableMs: 2_000 },
    inspect: witness.observe,
    ...more,
  });
  clients.push(client);
  return client;
}

/** A client on a page of its own, and live. */
async function openLive(clientId = 'kitchen-lamp'): Promise<IotClient> {
  const client = openClient(clientId);
  inspector = await inspect.serveInspector(client, { core, payloads: 'size' });
  await client.connect();
  await client.when('live');
  return client;
}

describe('the live page', () => {
  it('follows a device through its life, state for state', { timeout: 60_000 }, async () => {
    const client = openClient('kitchen-lamp');
    inspector = await inspect.serveInspector(client, { core });
    await using live = await LivePage.open(browser, inspector.url);
    await live.client('kitchen-lamp', 'idle');
    await live.shows(witness, 'connection', 'connection.idle');

    await client.connect();
    await client.subscribe('plants/+', { qos: 1 }, () => {});
    await live.client('kitchen-lamp', 'live');
    await live.shows(witness, 'connection', 'connection.line.connected.session.up.live');
    await live.shows(witness, 'connection', 'connection.line.connected.stability.stable');
    await live.shows(witness, 'subscriptions', witness.statesOf('subscriptions').at(-1) ?? '');
    await live.shows(witness, 'queue', witness.statesOf('queue').at(-1) ?? '');
    await live.logs('connect', 'transport.connected', 'subscriptions.settled', 'queue.drained');

    await live.press('stopListening');
    await live.press('dropConnections');
    await live.client('kitchen-lamp', 'backingOff');
    await live.shows(witness, 'connection', 'connection.backingOff');
    for (const payload of ['a', 'b', 'c', 'd', 'e', 'f'])
      await client.publish('plants/basil', payload, { qos: 1 });
    await live.page.locator('.stat-queued .figure', { hasText: '6' }).waitFor();
    await live.page.locator('.client-reason', { hasText: 'NETWORK_UNREACHABLE' }).waitFor();
    const left = async () => Number.parseFloat((await live.page.locator('.client-left').textContent()) ?? '');
    let before = 0;
    await vi.waitFor(
      async () => {
        before = await left();
        expect(before).toBeGreaterThan(0.8);
      },
      { timeout: 10_000, interval: 20 },
    );
    await vi.waitFor(async () => expect(await left()).toBeLessThan(before - 0.2));

    await live.press('listen');
    await live.shows(witness, 'connection', 'connection.line.connected.session.up.draining');
    await live.client('kitchen-lamp', 'draining');
    await live.shows(witness, 'connection', 'connection.line.connected.session.up.live');
    await live.page.locator('.stat-queued .figure', { hasText: '0' }).waitFor();
    await live.logs('transport.closed', 'transport.connected', 'queue.drained');

    const shadow = client.shadow('kitchen-lamp');
    const sent = 'shadowOperation.open.engaged.listening.sent';
    let ended = 0;
    // One that has ended leaves its name to the next one, and stays on the page: the newest is the last of its name.
    const endsBy = async (transition: string): Promise<void> => {
      ended += 1;
      const [name = ''] = witness.named('update');
      const named = live.page.locator('#tree [role=treeitem]:not([data-status=active])', { hasText: name });
      await vi.waitFor(async () => expect(await named.count()).toBe(ended), { timeout: 10_000 });
      await live.shows(witness, name, 'shadowOperation');
      const steps = ['shadowOperation.ended||0', `${sent}|${transition}`];
      await vi.waitFor(async () => expect(await live.taken('data-transition')).toEqual(steps));
    };
    await shadow.update({ reported: { on: true } });
    await live.shows(witness, 'shadow/kitchen-lamp', witness.statesOf('shadow/kitchen-lamp').at(-1) ?? '');
    await endsBy('response.accepted|0');
    core.faults.failShadows({ code: 409, times: 1 });
    await expect(shadow.update({ reported: { on: false } })).rejects.toMatchObject({
      code: 'SHADOW_REJECTED',
    });
    await endsBy('response.rejected|1');
    core.faults.loseShadowAnswers({ times: 1 });
    await expect(shadow.update({ reported: { on: false } }, { timeoutMs: 300 })).rejects.toThrow();
    await endsBy(`xstate.after.deadline.${sent}|1`);

    await client.disconnect();
    await live.client('kitchen-lamp', 'idle');
    await live.shows(witness, 'connection', 'connection.idle');
  });

  it('lights the transition that was taken last, its arrow and its row', async () => {
    await openLive();
    await using live = await LivePage.open(browser, inspector.url);
    await live.shows(witness, 'connection', 'connection.line.connected.stability.stable');
    await live.press('stopListening');
    await live.press('dropConnections');
    await live.shows(witness, 'connection', 'connection.backingOff');
    const steps = ['connection.line|transport.closed|0', 'connection.lost||3'];
    await vi.waitFor(async () => expect(await live.taken('data-transition')).toEqual(steps));
    const arrows = await live.taken('data-transitions');
    for (const step of steps) expect(arrows).toContain(step);
    expect(await live.page.locator('.edge.taken').count()).toBe(2);
  });

  it('has a log that can be filtered, stopped, unfolded and gone back in', async () => {
    const client = await openLive();
    await using live = await LivePage.open(browser, inspector.url);
    const { page } = live;
    await live.shows(witness, 'connection', 'connection.line.connected.session.up.live');
    await page.locator('#log-text').fill('transport.conn');
    await vi.waitFor(async () =>
      expect(await page.locator('#log-body .entry-type').allTextContents()).toEqual(['transport.connected']),
    );
    await page.locator('#log-body .entry-type').click();
    const details = page.locator('.details');
    await details.getByText('sessionPresent').first().waitFor();
    expect(await details.textContent()).toMatch(/got by.*connection/);

    await page.getByRole('button', { name: 'Show this moment in the chart' }).click();
    await page.locator('#past').waitFor();
    await vi.waitFor(async () => expect(await live.lit()).toContain('connection.line.connected.session.up'));
    expect(await live.lit()).not.toContain('connection.line.connected.session.up.live');
    await page.keyboard.press('Escape');
    await live.shows(witness, 'connection', 'connection.line.connected.session.up.live');

    await page.locator('#log-text').fill('');
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByRole('button', { name: 'Pause' }).click();
    const kept = await page.locator('#log-body .entry').count();
    await client.disconnect();
    await page.getByRole('button', { name: /more since/ }).waitFor();
    expect(await page.locator('#log-body .entry').count()).toBe(kept);
    await page.getByRole('button', { name: /more since/ }).click();
    await live.logs('disconnect');
    await page.locator('#log-actors').selectOption('one');
    await live.choose('queue');
    await vi.waitFor(async () =>
      expect([...new Set(await page.locator('#log-body .entry-actor').allTextContents())]).toEqual(['queue']),
    );
  });

  it('tells who comes late what was, and each tab what happens', async () => {
    const client = await openLive();
    await using first = await LivePage.open(browser, inspector.url);
    await using second = await LivePage.open(browser, inspector.url);
    for (const live of [first, second]) {
      await live.logs('connect', 'transport.connected', 'subscriptions.settled', 'queue.drained');
    }
    await second.choose('subscriptions');
    await client.disconnect();
    for (const live of [first, second]) await live.client('kitchen-lamp', 'idle');
    await first.shows(witness, 'connection', 'connection.idle');
    await second.page.locator('#chart-title', { hasText: 'subscriptions' }).waitFor();
    await second.page.reload();
    await second.page.locator('#chart-title', { hasText: 'subscriptions' }).waitFor();
  });

  it('hears nothing while nobody sees it, and is told everything when somebody does', async () => {
    const client = await openLive();
    await using live = await LivePage.open(browser, inspector.url);
    await using other = await LivePage.open(browser, inspector.url);
    await live.setHidden(true);
    await client.disconnect();
    await other.client('kitchen-lamp', 'idle');
    expect(await live.page.locator('.client').getAttribute('data-connection')).toBe('live');
    await live.setHidden(false);
    await live.client('kitchen-lamp', 'idle');
    await live.logs('connect', 'transport.connected', 'disconnect');
  });

  it('shows several clients beside each other', async () => {
    const lamp = await openLive();
    await using live = await LivePage.open(browser, inspector.url);
    const sensor = openClient('porch-sensor');
    inspector.watch(sensor);
    await live.client('kitchen-lamp', 'live');
    await live.client('porch-sensor', 'idle');
    await sensor.connect();
    await live.client('porch-sensor', 'live');
    await lamp.disconnect();
    await live.client('kitchen-lamp', 'idle');
    await live.page.getByRole('button', { name: 'porch-sensor' }).click();
    await vi.waitFor(async () =>
      expect(await live.lit()).toContain('connection.line.connected.session.up.live'),
    );
    expect(await live.page.locator('#tree [aria-level="1"]').count()).toBe(2);
    expect(await live.page.title()).toBe('Idle · kitchen-lamp, Live · porch-sensor');
  });

  it('says when the stream is lost, and comes back by itself', async () => {
    const client = await openLive();
    await using live = await LivePage.open(browser, inspector.url);
    const port = Number(new URL(inspector.url).port);
    await inspector.close();
    await live.page.locator('#lost', { hasText: 'The stream is lost' }).waitFor();
    inspector = await inspect.serveInspector(client, { port, core });
    await live.page.locator('#lost').waitFor({ state: 'hidden', timeout: 15_000 });
    await live.client('kitchen-lamp', 'live');
    // The browser itself says that it was refused.
    live.complaints.splice(0);
  });

  it('says why a fault could not be injected', async () => {
    const client = openClient('kitchen-lamp');
    const faults = { freeze: () => Promise.reject(new Error('no line is there')) };
    inspector = await inspect.serveInspector(client, { core: { faults } });
    await using live = await LivePage.open(browser, inspector.url);
    expect(await live.page.locator('[data-fault]').allTextContents()).toEqual(['Freeze']);
    await live.page.locator('[data-fault]').click();
    await live.page.locator('#fault-outcome', { hasText: 'Freeze: no line is there' }).waitFor();
    live.complaints.splice(0);
  });

  it('can be used by the keyboard alone', async () => {
    await openLive();
    await using live = await LivePage.open(browser, inspector.url);
    const { page } = live;
    await live.shows(witness, 'connection', 'connection.line.connected.session.up.live');
    const focused = () =>
      page.evaluate(() => {
        const { document } = globalThis as unknown as {
          document: { activeElement: { textContent: string; getAttribute(name: string): string | null } };
        };
        return document.activeElement.textContent;
      });
    await page.locator('#tree [aria-selected=true]').focus();
    for (const key of ['Home', 'ArrowLeft']) await page.keyboard.press(key);
    expect(await page.locator('#tree [role=treeitem]').count()).toBe(1);
    for (const key of ['ArrowRight', 'ArrowRight']) await page.keyboard.press(key);
    while (!(await focused()).startsWith('queue')) await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.locator('#chart-title', { hasText: 'queue' }).waitFor();
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Follow');

    const lines = page.locator('#log-body .entry-type');
    await lines.last().focus();
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await page.locator('.details').waitFor();
    expect(await lines.nth((await lines.count()) - 2).getAttribute('aria-expanded')).toBe('true');
  });

  it('does not freeze while a machine gets 10,000 events a second', { timeout: 60_000 }, async () => {
    const machine = createMachine({
      id: 'busy',
      initial: 'even',
      states: { even: { on: { step: 'odd' } }, odd: { on: { step: 'even' } } },
    });
    const actor = createActor(machine).start();
    inspector = await inspect.serveInspector(actor as never);
    await using live = await LivePage.open(browser, inspector.url);
    await live.page.locator('#chart-frame svg').waitFor();
    await live.page.evaluate(measureFrames);
    for (let tick = 0; tick < 300; tick += 1) {
      for (let count = 0; count < 100; count += 1) actor.send({ type: 'step' });
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await live.page.locator('#log-count', { hasText: /of 3\d{4}$/ }).waitFor();
    const { frames, longestGapMs } = await live.page.evaluate(
      () => (globalThis as unknown as { measured: { frames: number; longestGapMs: number } }).measured,
    );
    actor.stop();
    expect(frames).toBeGreaterThan(60);
    expect(longestGapMs).toBeLessThan(400);
    expect(await live.page.locator('#log-body .entry').count()).toBe(300);
  });

  it.each([
    ['light', 1_440, 900],
    ['dark', 1_440, 900],
    ['light', 375, 800],
    ['dark', 375, 800],
  ] as const)('has no serious fault that axe knows: %s, %i wide', async (colorScheme, width, height) => {
    const client = await openLive();
    await using live = await LivePage.open(browser, inspector.url, {
      colorScheme,
      viewport: { width, height },
      bypassCSP: true,
      reducedMotion: 'reduce',
    });
    await client.shadow('kitchen-lamp').update({ reported: { on: true } });
    await live.press('stopListening');
    await live.press('dropConnections');
    await live.client('kitchen-lamp', 'backingOff');
    await live.choose('connection');
    await live.page.locator('#log-body .entry-type').last().click();
    expect(await live.faults()).toEqual([]);
    const overflow = await live.page.evaluate(() => {
      const { document, innerWidth } = globalThis as unknown as {
        document: { documentElement: { scrollWidth: number } };
        innerWidth: number;
      };
      return document.documentElement.scrollWidth - innerWidth;
    });
    expect(overflow).toBe(0);
  });
});

/** Runs in the page. */
function measureFrames(): void {
  const scope = globalThis as unknown as {
    measured: { frames: number; longestGapMs: number };
    requestAnimationFrame(callback: (at: number) => void): void;
  };
  const measured = { frames: 0, longestGapMs: 0 };
  scope.measured = measured;
  let last = performance.now();
  const frame = (at: number): void => {
    measured.longestGapMs = Math.max(measured.longestGapMs, at - last);
    measured.frames += 1;
    last = at;
    scope.requestAnimationFrame(frame);
  };
  scope.requestAnimationFrame(frame);
}
