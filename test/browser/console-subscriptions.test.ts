import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';
import { launchBrowser } from './browser-page.js';
import { HOSTILE, SHAPES, faultsOfViews, openView } from './console-kit.js';

const ROOT = join(import.meta.dirname, '../..');
const PRICE = /"(?:price|currentPrice)":67000/;

describe('the subscriptions view of the console', () => {
  let app: TestApp;
  let browser: Browser;
  let key: string;
  const pages: Page[] = [];

  beforeAll(async () => {
    [app, browser] = await Promise.all([createTestApp(), launchBrowser()]);
    key = await app.key();
    await app.db.pool.query(
      `INSERT INTO protocols (slug, name, category, chains) VALUES ('hostile', $1, 'Lending', '{ethereum}')`,
      [HOSTILE.markup],
    );
    await app.db.pool.query(`INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('hostile', 'ethereum', 1e300)`);
    await app.db.pool.query(`INSERT INTO token_prices (token, symbol, price) VALUES ('bitcoin', 'btc', 67000)`);
    await waitFor(async () => {
      const answer = await fetch(`${app.url}/v1/prices/bitcoin`, { headers: { authorization: `Bearer ${key}` } });
      return answer.ok;
    });
  });
  afterAll(async () => {
    await browser.close();
    await app.close();
  });
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((opened) => opened.context().close()));
  });

  const open = async (address: string): Promise<Page> => {
    const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, reducedMotion: 'reduce' });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    pages.push(page);
    await openView(page, app.url, address, key);
    return page;
  };

  it('shows what matches, live, and says why a filter is refused', async () => {
    const page = await open('/subscriptions/build?channels=events:tvl&protocols=hostile');
    await page.locator('.matches li', { hasText: HOSTILE.markup }).waitFor();
    await app.db.pool.query(`UPDATE protocol_tvl SET tvl = 5 WHERE protocol = 'hostile'`);
    await page.locator('.matches li', { hasText: 'tvl_change' }).waitFor();
    await page.getByText('1 published values match; 1 events since.').waitFor();
    await page.getByLabel('threshold').fill('much');
    await page.getByRole('button', { name: 'Show what matches' }).click();
    await page.getByText(/Refused: .*threshold/).waitFor();
    expect(await page.evaluate('globalThis.broken')).toBeUndefined();
  });

  it.each(['client', 'socketio', 'websocket', 'sse', 'curl', 'python'])(
    'writes code for %s that runs as it stands',
    async (language) => {
      // A name with quotes must not end a text of the program.
      const page = await open(
        `/subscriptions/build?channels=events:prices&tokens=${encodeURIComponent(`bitcoin,o'h"ara`)}`,
      );
      await page.getByLabel('Language').selectOption(language);
      const code = (await page.locator('pre.code').textContent()) ?? '';
      expect(code).not.toContain(key);
      const printed = await run(language, code);
      expect(printed).toMatch(PRICE);
    },
  );

  /** Runs a program until it has printed the price, or for ten seconds. */
  const run = async (language: string, code: string): Promise<string> => {
    // Below the package, so that its own name can be imported.
    const file = join(ROOT, 'dist', `snippet-${language}-${process.pid}.mjs`);
    await writeFile(file, code);
    const [command, ...args] = {
      curl: ['sh', file],
      python: ['python3', file],
    }[language] ?? [process.execPath, file];
    const child = spawn(command!, args, { env: { ...process.env, API_KEY: key }, detached: true });
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (printed += String(data)));
    const ended = once(child, 'exit');
    try {
      await waitFor(() => PRICE.test(printed) || child.exitCode !== null, { what: 'the price', timeoutMs: 10_000 });
    } finally {
      // The whole group: the shell's curl too.
      if (child.exitCode === null) process.kill(-child.pid!);
      await ended;
      await rm(file);
    }
    return printed;
  };

  it('explains why an event reaches a connection', async () => {
    const page = await open('/subscriptions/explain');
    await page.locator('#state[data-state=live]').waitFor();
    await app.db.pool.query(`UPDATE protocol_tvl SET tvl = tvl * 2 WHERE protocol = 'hostile'`);
    const events = page.getByRole('region', { name: 'Recent events' });
    await waitFor(async () => {
      await events.getByRole('button', { name: 'Read again' }).click();
      return (await events.locator('tbody tr').count()) > 0;
    });
    await events.locator('tbody tr').first().click();
    await page.getByRole('region', { name: 'Connections' }).locator('tbody tr').first().click();
    await page.getByRole('button', { name: 'Explain' }).click();
    await page.locator('.verdict', { hasText: 'reaches it' }).waitFor();
    expect(page.url()).toContain('event=');
  });

  it.each(SHAPES)('fits $width px, $colorScheme', async (shape) => {
    const views = { '/subscriptions': '.matches li', '/subscriptions/explain': '.list tbody tr' };
    expect(await faultsOfViews({ browser, url: app.url, key, shape, views })).toEqual([]);
  });
});
