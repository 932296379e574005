import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { launchBrowser } from './browser-page.js';
import { HOSTILE, SHAPES, faultsOfViews, openView } from './console-kit.js';

describe('the account and the frame of the console', () => {
  let app: TestApp;
  let browser: Browser;
  const pages: Page[] = [];

  beforeAll(async () => {
    [app, browser] = await Promise.all([createTestApp(), launchBrowser()]);
    await app.db.pool.query(
      `INSERT INTO protocols (slug, name, category, chains) VALUES ('lido', $1, $2, '{ethereum}'), ('long', $3, 'Lending', '{ethereum}')`,
      [HOSTILE.rightToLeft, HOSTILE.markup, HOSTILE.long],
    );
    await app.db.pool.query(
      `INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('lido', 'ethereum', 1e300), ('long', 'ethereum', 30e9)`,
    );
  });
  afterAll(async () => {
    await browser.close();
    await app.close();
  });
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((opened) => opened.context().close()));
  });

  const open = async (address: string, key: string): Promise<Page> => {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    pages.push(page);
    await openView(page, app.url, address, key);
    return page;
  };

  it('shows the limits of the key with what is used, and closes an own connection', async () => {
    const key = await app.key({ tier: 'free', userId: 'me' });
    const page = await open('/account', key);
    await page.locator('.facts', { hasText: 'free' }).waitFor();
    await page.locator('.limit', { hasText: 'Open connections' }).locator('b', { hasText: '1 of 5' }).waitFor();
    const rows = page.locator('.list tbody tr');
    await rows.first().waitFor();
    expect(await rows.count()).toBe(1);
    await rows.first().locator('button', { hasText: 'Close' }).click();
    await page.locator('dialog button.danger').click();
    await page.locator('.said', { hasText: 'Connection closed' }).waitFor();
  });

  it('replaces the key and goes on with the new one, which alone is stored', async () => {
    const key = await app.key({ userId: 'rotating' });
    const page = await open('/account', key);
    await page.locator('button', { hasText: 'Replace this key' }).click();
    await page.locator('[data-pointer="/graceMinutes"]').fill('-1');
    await page.locator('dialog [type=submit]').click();
    await page.locator('[data-pointer="/graceMinutes"][aria-invalid]').waitFor();
    await page.locator('[data-pointer="/graceMinutes"]').fill('0');
    await page.locator('dialog [type=submit]').click();
    const made = (await page.locator('#new-key').textContent()) ?? '';
    expect(made).toMatch(/^rta_/);
    await page.locator('#use-new-key').click();
    await page.locator('.facts', { hasText: 'rotating' }).waitFor();
    expect(await page.evaluate('Object.values(sessionStorage)')).toEqual([made]);
    expect(await page.content()).not.toContain(made);
    const old = await fetch(`${app.url}/v1/me`, { headers: { authorization: `Bearer ${key}` } });
    expect(old.status).toBe(401);
  });

  it('keeps one connection while views change, says what an address lacks, and goes back', async () => {
    const sockets: string[] = [];
    const context = await browser.newContext();
    const page = await context.newPage();
    pages.push(page);
    page.on('websocket', (socket) => sockets.push(socket.url()));
    await openView(page, app.url, '/alerts', app.adminKey);
    await page.locator('#views a', { hasText: 'Query' }).click();
    await page.locator('#query-panel').waitFor();
    await page.locator('#views a', { hasText: 'Live' }).click();
    await page.locator('#desk').waitFor();
    await page.goBack();
    await page.locator('#query-panel').waitFor();
    expect(await page.locator('#views a[aria-current]').allTextContents()).toEqual(['Query']);
    await page.evaluate(`location.hash = '#/%E0%A4%A/x'`);
    await page.locator('.nothing-here', { hasText: 'There is no view' }).waitFor();
    expect(sockets).toHaveLength(1);
  });

  it('stays usable with a key that may not follow changes', async () => {
    const key = await app.key({ subscriptionTypes: ['alerts'], userId: 'alerts-only' });
    const page = await open('/account', key);
    await page.locator('#notice', { hasText: 'No live connection' }).waitFor();
    await page.locator('.facts', { hasText: 'alerts-only' }).waitFor();
    expect(await page.locator('#gate').isVisible()).toBe(false);
  });

  it.each(SHAPES)('is usable at $width px in the $colorScheme scheme with hostile names', async (shape) => {
    const views = {
      '/live': '#movers :is(table, .empty)',
      '/live?tvl=long': '#chains li',
      '/query': '#query-body tr',
      '/account': '.facts dd',
    };
    expect(await faultsOfViews({ browser, url: app.url, key: app.adminKey, shape, views })).toEqual([]);
  });
});
