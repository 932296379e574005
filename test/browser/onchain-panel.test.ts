import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';
import { launchBrowser, record } from './browser-page.js';

const ADDRESS = /^0x[0-9a-f]{8}…[0-9a-f]{4}$/;

describe('chains and points in the console', () => {
  let app: TestApp;
  let browser: Browser;
  const pages: Page[] = [];

  beforeAll(async () => {
    [app, browser] = await Promise.all([createTestApp({ settings: { SOURCE: 'sample' } }), launchBrowser()]);
    await waitFor(async () => (await one<{ n: number }>('SELECT count(*)::int AS n FROM onchain_positions')).n >= 10, {
      what: 'accounts with points',
      timeoutMs: 60_000,
    });
  });
  afterAll(async () => {
    await browser.close();
    await app.close();
  });
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((opened) => opened.context().close()));
  });

  const one = async <T extends object>(sql: string): Promise<T> => (await app.db.pool.query<T>(sql)).rows[0]!;
  const open = async (options: BrowserContextOptions = {}): Promise<Page> => {
    const context = await browser.newContext({
      viewport: { width: 1440, height: 900 },
      reducedMotion: 'reduce',
      ...options,
    });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    pages.push(page);
    await page.goto(`${app.url}/#/onchain?key=${app.adminKey}`);
    return page;
  };
  const figure = (page: Page, name: string) =>
    page.locator('.followed div', { has: page.locator('dt', { hasText: name }) }).locator('dd');
  const number = async (page: Page, name: string): Promise<number> =>
    Number((await figure(page, name).textContent())?.replaceAll(',', ''));

  it('lists the accounts with the most points and the state of the chain, and follows new blocks', async () => {
    const page = await open();
    const seen = record(page);
    await page.locator('#onchain tbody tr').nth(9).waitFor();
    const cells = await page.locator('#onchain tbody tr').first().locator('td').allTextContents();
    expect(cells).toEqual([
      '1',
      expect.stringMatching(ADDRESS),
      expect.stringMatching(/^\d+\.\d{4}$/),
      expect.stringMatching(/^\d+\.\d{4}$/),
    ]);
    await page.locator('.followed .chain', { hasText: 'sampleFollowing' }).waitFor();
    expect(await page.locator('.followed .endpoint').textContent()).toMatch(/^http:\/\/127\.0\.0\.1:\d+ in use, at /);
    const head = await number(page, 'Head');
    expect(head).toBeGreaterThan(await number(page, 'Final'));
    await waitFor(async () => (await number(page, 'Head')) > head, { what: 'a newer block in the panel' });
    expect(seen.complaints).toEqual([]);
  });

  it('shows alarms and the reason why a chain stopped as text', async () => {
    const hostile = '<img src=x onerror="window.broken=1">';
    await app.db.pool.query(`INSERT INTO onchain_alarms (chain, code, detail) VALUES ('sample', 'gap', $1)`, [hostile]);
    try {
      const page = await open();
      await page.locator('.followed .problem', { hasText: `Alarm gap: ${hostile}` }).waitFor();
      expect(await page.locator('#onchain img').count()).toBe(0);
    } finally {
      await app.db.pool.query('DELETE FROM onchain_alarms');
    }
  });

  it('loads nothing of the view before it is opened', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    pages.push(page);
    const files: string[] = [];
    page.on('request', (request) => files.push(new URL(request.url()).pathname.split('/').slice(3).join('/')));
    await page.goto(`${app.url}/#key=${app.adminKey}`);
    await page.locator('#state[data-state=live]').waitFor();
    expect(files.filter((file) => file.startsWith('onchain/'))).toEqual([]);
    await page.locator('#views a', { hasText: 'On-chain' }).click();
    await page.locator('#onchain tbody tr').first().waitFor();
    expect(files).toContain('onchain/view.js');
  });

  it.each([1440, 360])('fits a width of %i px in both colour schemes', async (width) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await open({ viewport: { width, height: 900 }, colorScheme });
      const seen = record(page);
      await page.locator('#onchain tbody tr').nth(9).waitFor();
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      const { PICTURES } = process.env;
      await page.locator('#onchain').scrollIntoViewIfNeeded();
      if (PICTURES !== undefined)
        await page.screenshot({ path: `${PICTURES}/onchain-${width}-${colorScheme}.png`, fullPage: true });
      expect(seen.complaints).toEqual([]);
    }
  });
});
