import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MarketWriter } from '../support/data/market-writer.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { CuttableProxy } from '../support/servers/cuttable-proxy.js';
import { quietFor, waitFor } from '../support/wait-for.js';
import { launchBrowser } from './browser-page.js';
import { buildClient, ClientPage } from './client-page.js';

const DAY_MS = 86_400_000;
let app: TestApp;
let browser: Browser;
let context: BrowserContext;
let market: MarketWriter;
let wire: CuttableProxy;
let url: string;
let key: string;
let round = 0;
let price: number;

beforeAll(async () => {
  await buildClient();
  [app, browser] = await Promise.all([createTestApp(), launchBrowser({ keepsPages: true })]);
  market = new MarketWriter(app.db.pool);
  wire = new CuttableProxy(app.port);
  url = await wire.listen();
  key = await app.key();
});
afterAll(async () => {
  await browser?.close();
  await wire?.close();
  await app?.close();
});
beforeEach(async () => {
  round += 1;
  price = 1;
  context = await browser.newContext();
  await write(0);
});
afterEach(() => context.close());

async function write(count: number): Promise<void> {
  await market.price(`life-${round}`, price);
  for (let n = 0; n < count; n++) await market.price(`life-${round}`, ++price);
}

async function expectAll(tab: ClientPage): Promise<void> {
  await tab.has(price);
  await quietFor(100);
  expect(await tab.prices()).toEqual(Array.from({ length: price - 1 }, (_, n) => n + 2));
}

describe.each(['websocket', 'sse'] as const)('a page with the client over %s', (transport) => {
  async function open(): Promise<ClientPage> {
    const tab = await ClientPage.open(context, {
      url,
      auth: key,
      transport,
      filter: { tokens: [`life-${round}`], snapshot: true },
    });
    await tab.isReady();
    await write(2);
    await expectAll(tab);
    return tab;
  }

  it('is complete after it was frozen', async () => {
    const tab = await open();
    await tab.cdp.send('Page.setWebLifecycleState', { state: 'frozen' });
    await write(3);
    await tab.cdp.send('Page.setWebLifecycleState', { state: 'active' });
    await expectAll(tab);
  });

  it('is complete after it was frozen and lost its connection meanwhile', async () => {
    const tab = await open();
    await tab.cdp.send('Page.setWebLifecycleState', { state: 'frozen' });
    wire.cut();
    await write(3);
    wire.mend();
    await tab.cdp.send('Page.setWebLifecycleState', { state: 'active' });
    await expectAll(tab);
    expect(await tab.kinds()).toEqual(['snapshot', 'recovered']);
  });

  it('is complete after it was offline', async () => {
    const tab = await open();
    await context.setOffline(true);
    wire.cut();
    await write(3);
    await quietFor(1_000);
    wire.mend();
    await context.setOffline(false);
    await expectAll(tab);
  });

  it('connects at once when it is shown, whatever it waits for', async () => {
    const tab = await open();
    wire.cut();
    await write(3);
    // Long enough for delays of seconds.
    await quietFor(4_000);
    wire.mend();
    await tab.run(`document.dispatchEvent(new Event('visibilitychange'))`);
    await expectAll(tab);
  });

  it('is kept when the user leaves it, and is complete when the user comes back', async () => {
    const tab = await open();
    await tab.run('void (app.isSame = true)');
    await tab.page.goto(`${url}/health/ready`);
    await write(3);
    await tab.page.goBack({ waitUntil: 'commit' });
    await waitFor(() => tab.run('globalThis.app?.isSame'), { what: 'the page as it was' });
    await expectAll(tab);
  });

  it.each([DAY_MS, -DAY_MS])('works with a clock that is wrong by %i ms', async (wrongBy) => {
    await context.addInitScript(`{
      const now = Date.now;
      Date.now = () => now() + ${wrongBy};
    }`);
    const tab = await open();
    wire.cut();
    await write(2);
    wire.mend();
    await expectAll(tab);
    expect(await tab.kinds()).toEqual(['snapshot', 'recovered']);
  });
});
