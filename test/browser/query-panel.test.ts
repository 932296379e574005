import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LiveQueryService } from '../../src/query/live/live-query-service.js';
import { LiveQueryRunner } from '../../src/realtime/index.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';
import { launchBrowser, record } from './browser-page.js';
import { CuttableProxy } from '../support/servers/cuttable-proxy.js';

const HOSTILE = `<img src=x onerror="window.broken=1"><b>Bold</b>`;
const CHAINS = { sort: null, aggregations: [{ field: 'tvl', operation: 'sum', group_by: 'chain' }] };

describe('the query panel of the console', () => {
  let app: TestApp;
  let browser: Browser;
  /**
   * One page for all tests that do not need a separate one, because opening a page takes longer than most of the tests.
   */
  let page: Page;
  const pages: Page[] = [];

  beforeAll(async () => {
    [app, browser] = await Promise.all([createTestApp(), launchBrowser()]);
    const { pool } = app.db;
    await pool.query(
      `INSERT INTO protocols (slug, name, category, chains)
      VALUES ('lido', 'Lido', 'Liquid Staking', '{ethereum}'), ('kamino', $1, 'Lending', '{solana}')`,
      [HOSTILE],
    );
    await pool.query(
      `INSERT INTO protocol_tvl (protocol, chain, tvl, observed_at)
       VALUES ('lido', 'ethereum', 26e9, now() - interval '3 hours'), ('kamino', 'solana', 64e6, now() - interval '3 hours')`,
    );
    await pool.query(`INSERT INTO token_prices (token, symbol, price) VALUES ('bitcoin', 'btc', 67000)`);
  });
  beforeAll(async () => {
    page = await open();
    pages.length = 0;
  });
  afterAll(async () => {
    await browser.close();
    await app.close();
  });
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((opened) => opened.context().close()));
  });

  const open = async (options: BrowserContextOptions = {}, base = app.url, key = app.adminKey): Promise<Page> => {
    const context = await browser.newContext({
      viewport: { width: 1440, height: 900 },
      reducedMotion: 'reduce',
      ...options,
    });
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    pages.push(page);
    await page.goto(`${base}/#/query?key=${key}`);
    await page.locator('#state[data-state=live]').waitFor();
    return page;
  };
  const setTvl = (protocol: string, tvl: number): Promise<unknown> =>
    app.db.pool.query(`UPDATE protocol_tvl SET tvl = $2, observed_at = now() WHERE protocol = $1`, [protocol, tvl]);
  const run = async (page: Page, request: unknown): Promise<void> => {
    // The panel sends its first query when it becomes visible; this waits for it, so that its answer is not taken for the
    // next one.
    await page.locator('#query-panel').scrollIntoViewIfNeeded();
    await page.locator('#query-panel:not([data-state=idle])').waitFor();
    await page.locator('#query-text').fill(typeof request === 'string' ? request : JSON.stringify(request));
    await page.locator('#query-form button[type=submit]').click();
  };
  const state = (page: Page, wanted: string): Promise<void> =>
    page.locator(`#query-panel[data-state=${wanted}]`).waitFor();
  const row = (page: Page, text: string) => page.locator('#query-body tr', { hasText: text });
  const openQueries = (): number => app.nest.get<LiveQueryService>(LiveQueryRunner, { strict: false })['queries'].size;

  it('runs a query when its view is opened, shows the source and follows changes', async () => {
    await setTvl('lido', 27e9);
    const { complaints } = record(page);
    await page.locator('#query-panel').scrollIntoViewIfNeeded();
    await row(page, 'ethereum').locator('.figure', { hasText: '$27.00B' }).waitFor();
    await page
      .locator('#query-meta', { hasText: /Took .* ms · cache (hit|miss|off) · source current · as of / })
      .waitFor();
    expect(await page.locator('#query-body tr.fresh').count()).toBe(0);

    await setTvl('kamino', 30e9);
    await row(page, '$30.00B').and(page.locator('.fresh.rose')).waitFor();
    // Solana is now the largest: rows have the order of the server.
    expect(await page.locator('#query-body tr').first().textContent()).toBe('solana$30.00B1');
    expect(complaints).toEqual([]);
  });

  it('ends a query when another query is run, and never shows rows of both', async () => {
    await run(page, CHAINS);
    await state(page, 'live');
    for (const question of ['prices', 'hours', 'protocols', 'prices']) {
      await page.locator(`[data-question=${question}]`).click();
    }
    await row(page, 'bitcoin').locator('.figure', { hasText: '$67,000.00' }).waitFor();
    await waitFor(() => openQueries() === 1);
    expect(await page.locator('#query-body tr').count()).toBe(1);
  });

  it('draws time buckets as lines', async () => {
    await page.locator('[data-question=hours]').click();
    await page.locator('#query-plot canvas').waitFor();
    expect(await page.locator('#query-legend').textContent()).toMatch(/ethereum[+−]?[\d.]+ %/);
    expect(await page.locator('#query-plot').getAttribute('aria-label')).toMatch(/^Lines since .*: now .*ethereum \$/);
    await run(page, CHAINS);
    await page.locator('#query-lines').waitFor({ state: 'hidden' });
    await row(page, 'ethereum').waitFor();
  });

  it('shows each fault of a query with its place and correction', async () => {
    await run(page, '{"dataset": "tvl"');
    await page.locator('#query-problem', { hasText: 'This is not JSON' }).waitFor();
    expect(await page.locator('#query-text').getAttribute('aria-invalid')).toBe('true');
    await run(page, { wher: 1, time: { from: 'x' } });
    await page.locator('#query-problem li', { hasText: /^\/wherUnknown member 'wher'/ }).waitFor();
    await page.locator('#query-problem li', { hasText: /^\/time\/fromThe time must be ISO 8601/ }).waitFor();
    await run(page, { where: { field: 'chain', op: 'eq', value: 'nowhere' }, aggregations: null, time: null });
    await page.locator('.query .none', { hasText: 'No row answers this.' }).waitFor();
    expect(await page.locator('#query-problem li').count()).toBe(0);
  });

  it('keeps its rows while the connection is lost, and follows changes again afterwards', async () => {
    await setTvl('lido', 33e9);
    const proxy = new CuttableProxy(app.port);
    try {
      const cut = await open({}, await proxy.listen());
      await run(cut, CHAINS);
      await state(cut, 'live');
      expect(await row(cut, '$33.00B').count()).toBe(1);
      proxy.cut();
      await cut.locator('#query-status', { hasText: 'Connection lost' }).waitFor();
      expect(await row(cut, '$33.00B').count()).toBe(1);
      await setTvl('lido', 36e9);
      proxy.mend();
      await row(cut, '$36.00B').and(cut.locator('.fresh.rose')).waitFor();
      await cut.locator('#query-status', { hasText: 'Live again' }).waitFor();
      await setTvl('lido', 39e9);
      await row(cut, '$39.00B').waitFor();
    } finally {
      await proxy.close();
    }
  });

  it('shows one result without updates if the key may not subscribe to queries', async () => {
    const key = await app.key({ subscriptionTypes: ['tvl_changes', 'price_changes', 'protocol_updates'] });
    const asking = await open({}, app.url, key);
    await run(asking, CHAINS);
    await state(asking, 'once');
    expect(await row(asking, 'ethereum').count()).toBe(1);
    await asking.locator('#query-status', { hasText: 'not live: This key may not subscribe to query.' }).waitFor();
  });

  it('fits a phone, shows HTML as text and copies a `curl` command without the key', async () => {
    const phone = await open({
      viewport: { width: 390, height: 844 },
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    const { complaints } = record(phone);
    const panel = phone.locator('#query-panel');
    await run(phone, { dataset: 'protocols', where: { field: 'name', op: 'like', value: "%<b>'%" }, limit: 5 });
    await phone.locator('.query .none', { hasText: 'No row answers this.' }).waitFor();
    const height = await panel.evaluate((node) => node.getBoundingClientRect().height);
    await phone.locator('#query-curl').click();
    await phone.locator('#query-curl', { hasText: 'Copied' }).waitFor();
    const command = await phone.evaluate<string>('navigator.clipboard.readText()');
    expect(command).toContain(String.raw`"%<b>'\''%"`);
    expect(command).toContain(`curl ${app.url}/v1/query/advanced`);
    expect(command).not.toContain(app.adminKey);

    await phone.locator('[data-question=protocols]').click();
    await row(phone, HOSTILE).waitFor();
    expect(await phone.locator('#query-body :is(img, b)').count()).toBe(0);
    expect(await phone.evaluate('document.documentElement.scrollWidth')).toBe(390);
    expect(await panel.evaluate((node) => node.getBoundingClientRect().height)).toBe(height);
    await row(phone, HOSTILE).locator('.link').click();
    await phone.locator('#chart-title', { hasText: HOSTILE }).waitFor();
    expect(complaints).toEqual([]);
  });
});
