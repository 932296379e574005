import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { MarketWriter } from '../support/data/market-writer.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { quietFor, waitFor } from '../support/wait-for.js';
import { launchBrowser } from './browser-page.js';
import { buildClient, ClientPage } from './client-page.js';

let app: TestApp;
let browser: Browser;
let context: BrowserContext;
let market: MarketWriter;
let key: string;
let tabs: ClientPage[];
/** Number of tests so far: each has its own user and token. */
let round = 0;
let price: number;

beforeAll(async () => {
  await buildClient();
  [app, browser] = await Promise.all([createTestApp(), launchBrowser()]);
  market = new MarketWriter(app.db.pool);
});
afterAll(async () => {
  await browser?.close();
  await app?.close();
});
beforeEach(async () => {
  round += 1;
  price = 1;
  tabs = [];
  key = await app.key({ userId: `tabs-${round}` });
  context = await browser.newContext();
  await market.price(token(), price);
});
afterEach(() => context.close());

const token = () => `tabs-${round}`;

async function open(count: number, options: { auth?: string; filter?: object } = {}): Promise<ClientPage[]> {
  const opened: ClientPage[] = [];
  for (let n = 0; n < count; n++) {
    const filter = { tokens: [token()], snapshot: true, ...options.filter };
    opened.push(await ClientPage.open(context, { url: app.url, auth: options.auth ?? key, isShared: true, filter }));
  }
  for (const tab of opened) await tab.isReady();
  tabs.push(...opened);
  return opened;
}

/** Number of connections of a key, as the server counts them. */
async function connections(auth = key): Promise<number> {
  const answer = await fetch(`${app.url}/v1/realtime/connections`, { headers: { authorization: `Bearer ${auth}` } });
  return ((await answer.json()) as { data: unknown[] }).data.length;
}

/** Writes further prices, and returns the last. */
async function write(count: number): Promise<number> {
  for (let n = 0; n < count; n++) await market.price(token(), ++price);
  return price;
}

const allPrices = () => Array.from({ length: price - 1 }, (_, n) => n + 2);

/** Expects that each tab got all prices once and in order. */
async function expectAll(of: readonly ClientPage[]): Promise<void> {
  await Promise.all(of.map((tab) => tab.has(price)));
  await quietFor(100);
  for (const tab of of) expect(await tab.prices()).toEqual(allPrices());
}

const host = () => tabs.find(({ sockets }) => sockets > 0)!;
const others = () => tabs.filter((tab) => tab !== host());

it('ten tabs have one connection, and each gets everything', async () => {
  await open(10);
  await write(5);
  await expectAll(tabs);
  expect(await connections()).toBe(1);
  expect(tabs.map(({ sockets }) => sockets)).toEqual([1, ...Array<number>(9).fill(0)]);
});

it('tabs with different filters get what matches their own, and a changed filter applies from then on', async () => {
  const [all, large] = await open(2);
  await large!.run(`app.subscription.update({ tokens: ['${token()}'], minValue: 3 })`);
  await quietFor(200);
  await write(3);
  await Promise.all([all!.has(4), large!.has(4)]);
  expect(await all!.prices()).toEqual([2, 3, 4]);
  expect(await large!.prices()).toEqual([3, 4]);
  await large!.run('app.subscription.unsubscribe()');
  await write(1);
  await all!.has(5);
  await quietFor(100);
  expect(await large!.prices()).toEqual([3, 4]);
});

it('after the tab with the connection is closed, another has it, and no tab misses or repeats an event', async () => {
  await open(4);
  await write(2);
  await expectAll(tabs);
  const first = host();
  const rest = others();
  const writing = (async () => {
    for (let n = 0; n < 30; n++) {
      await write(1);
      await sleep(20);
    }
  })();
  await sleep(100);
  await first.page.close();
  tabs = rest;
  await writing;
  await expectAll(rest);
  expect(rest.reduce((sum, { sockets }) => sum + sockets, 0)).toBe(1);
  await waitFor(async () => (await connections()) === 1);
  for (const tab of rest) expect(await tab.kinds()).toEqual(['snapshot', 'recovered']);
});

it('after the client of the tab with the connection is closed, the others continue', async () => {
  await open(3);
  const first = host();
  const rest = others();
  await first.run('app.client.close()');
  await write(3);
  await expectAll(rest);
  expect(await first.prices()).toEqual([]);
  await waitFor(async () => (await connections()) === 1);
});

it('after the tab with the connection has crashed, the others continue', async () => {
  await open(3);
  await write(2);
  await expectAll(tabs);
  const first = host();
  const rest = others();
  const crashed = new Promise<void>((resolve) => first.page.once('crash', () => resolve()));
  void first.cdp.send('Page.crash' as never).catch(() => undefined);
  await crashed;
  await write(3);
  await expectAll(rest);
  await waitFor(async () => (await connections()) === 1);
});

it('after the tab with the connection was frozen, the others continue, and it is complete when it wakes', async () => {
  await open(3);
  await write(2);
  await expectAll(tabs);
  const first = host();
  const rest = others();
  await first.cdp.send('Page.setWebLifecycleState', { state: 'frozen' });
  await write(3);
  await expectAll(rest);
  await first.cdp.send('Page.setWebLifecycleState', { state: 'active' });
  await write(2);
  await expectAll(tabs);
  await waitFor(async () => (await connections()) === 1);
});

it('tabs of another key have another connection', async () => {
  await open(2);
  const other = await app.key({ userId: 'tabs-other' });
  await open(2, { auth: other });
  await write(2);
  await expectAll(tabs);
  expect([await connections(), await connections(other)]).toEqual([1, 1]);
});

it('a refused key ends all tabs that have it with a clear error', async () => {
  const refused = 'rta_none_000000000000000000000000000000000000';
  const pages = await Promise.all(
    [1, 2].map(() =>
      ClientPage.open(context, { url: app.url, auth: refused, isShared: true, filter: { tokens: [token()] } }),
    ),
  );
  for (const tab of pages) {
    await waitFor(async () => (await tab.run<string>('app.client.state')) === 'closed');
    expect(await tab.run('app.errors')).toEqual(['invalid_api_key']);
  }
});
