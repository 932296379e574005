import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';
import { launchBrowser } from './browser-page.js';
import { HOSTILE, SHAPES, faultsOfViews, openView } from './console-kit.js';

describe('the system view of the console', () => {
  let app: TestApp;
  let browser: Browser;
  const pages: Page[] = [];

  beforeAll(async () => {
    [app, browser] = await Promise.all([createTestApp(), launchBrowser()]);
    await app.key({ userId: 'hostile', name: HOSTILE.markup });
    await app.key({ userId: HOSTILE.rightToLeft, name: HOSTILE.long.slice(0, 200) });
    // As many as a day of a broken reader leaves: the list shows a page of them.
    await app.db.pool.query(
      `INSERT INTO dead_letters (reader, epoch, seq, event, reason, failures)
       SELECT CASE WHEN n <= 3 THEN 'few' ELSE 'many' END, 1, n, jsonb_build_object('type', 'tvl_change', 'note', $1::text), $1, 1
       FROM generate_series(1, 20000) n`,
      [HOSTILE.markup],
    );
  });
  afterAll(async () => {
    await browser.close();
    await app.close();
  });
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((opened) => opened.context().close()));
  });

  const open = async (address: string, key = app.adminKey): Promise<Page> => {
    const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, reducedMotion: 'reduce' });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    pages.push(page);
    await openView(page, app.url, address, key);
    return page;
  };
  const letters = async (reader: string): Promise<number> => {
    const text = 'SELECT count(*)::int AS n FROM dead_letters WHERE reader = $1';
    return (await app.db.pool.query<{ n: number }>(text, [reader])).rows[0]!.n;
  };

  it('shows the process, its queues and the leaders of the log', async () => {
    const page = await open('/system');
    await page.locator('.figures dt', { hasText: 'Leads the event log' }).waitFor();
    await page.locator('.process dd', { hasText: process.version }).waitFor();
    await page.locator('.list tbody tr').first().waitFor();
    expect(await page.locator('.list tbody tr td').nth(2).textContent()).toBe(String(process.pid));
  });

  it('finds a connection, sends it a message and cuts it', async () => {
    const key = await app.key({ userId: 'somebody' });
    const other = await open('/live', key);
    await other.locator('#state[data-state=live]').waitFor();
    const page = await open('/system/connections?userId=somebody');
    await page.locator('.list tbody tr').first().press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Connection of somebody' });
    await dialog.getByRole('cell', { name: 'tvl_changes' }).waitFor();
    await dialog.getByLabel('Message to it').fill(HOSTILE.markup);
    await dialog.getByRole('button', { name: 'Send' }).click();
    await other.locator('#notice', { hasText: HOSTILE.markup }).waitFor();
    expect(await other.evaluate('globalThis.broken')).toBeUndefined();
    await dialog.getByRole('button', { name: 'Cut', exact: true }).click();
    await page.getByRole('dialog', { name: 'Cut this connection?' }).getByRole('button', { name: 'Cancel' }).click();
    expect(await other.locator('#state').getAttribute('data-state')).toBe('live');
    await dialog.getByRole('button', { name: 'Cut for good' }).click();
    await page.getByRole('dialog', { name: 'Cut this connection?' }).getByRole('button', { name: 'Cut' }).click();
    await other.locator('#state:not([data-state=live])').waitFor();
  });

  it('discards all dead letters of a reader after one question, and leaves those of others', async () => {
    const page = await open('/system/dead-letters?reader=few');
    await page.locator('.list tbody tr').nth(2).waitFor();
    await page.getByRole('button', { name: 'Discard all' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Discard all' }).click();
    await page.getByText('Discard: 3 done, 0 failed.').waitFor();
    expect(await letters('few')).toBe(0);
    expect(await letters('many')).toBe(19_997);
  });

  it('makes a key, shows it once, rotates and revokes it', async () => {
    const page = await open('/system/keys');
    await page.getByRole('button', { name: 'New key' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Make' }).click();
    await page.getByRole('dialog').locator('.fault').first().waitFor();
    await page.getByRole('dialog').getByLabel('User').fill('newcomer');
    await page.getByRole('dialog').getByRole('button', { name: 'Make' }).click();
    const made = await page.getByRole('dialog', { name: 'The new key' }).locator('pre').textContent();
    const me = await fetch(`${app.url}/v1/me`, { headers: { authorization: `Bearer ${made}` } });
    expect(await me.json()).toMatchObject({ userId: 'newcomer', role: 'reader' });
    await page.keyboard.press('Escape');
    await page.locator('.list tbody tr', { hasText: 'newcomer' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await page.getByRole('dialog', { name: 'Revoke this key?' }).getByRole('button', { name: 'Revoke' }).click();
    await waitFor(
      async () => (await fetch(`${app.url}/v1/me`, { headers: { authorization: `Bearer ${made}` } })).status === 401,
      { what: 'the key to be refused' },
    );
  });

  it('sets and removes a threshold in percent', async () => {
    const page = await open('/system/thresholds');
    await page.getByLabel('Protocol or token').fill('lido');
    await page.getByLabel('Change, %').fill('0.7');
    await page.getByRole('button', { name: 'Set' }).click();
    const row = page.locator('.list tbody tr', { hasText: 'lido' });
    await row.waitFor();
    const text = `SELECT min_change_ratio AS ratio FROM change_thresholds WHERE subject = 'lido'`;
    expect((await app.db.pool.query(text)).rows).toEqual([{ ratio: 0.007 }]);
    await row.getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await row.waitFor({ state: 'detached' });
  });

  it('exports the audit trail that the filters select', async () => {
    const page = await open('/system/audit?action=api_key.');
    await page.locator('.list tbody tr').first().waitFor();
    const saving = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Export CSV' }).click();
    const lines = (await readFile(await (await saving).path(), 'utf8')).trim().split('\r\n');
    expect(lines[0]).toBe('id,at,actor,action,subject,outcome,detail,address,requestId');
    expect(lines.slice(1).every((line) => line.includes('api_key.'))).toBe(true);
    expect(lines.length).toBeGreaterThan(2);
  });

  it('says to a reader what its key may not see, and shows its own connections', async () => {
    const page = await open('/system/keys', await app.key());
    await page.locator('.refusal', { hasText: 'This key may not see this' }).waitFor();
    await page.evaluate(`location.hash = '/system/connections'`);
    await page.getByText('those of others need the role admin').waitFor();
    expect(await page.locator('.list-frame').getAttribute('data-state')).not.toBe('failed');
  });

  it.each(SHAPES)('fits $width px, $colorScheme', async (shape) => {
    const views = {
      '/system': '.process dd',
      '/system/connections': '.list tbody tr',
      '/system/dead-letters': '.list tbody tr',
      '/system/keys': '.list tbody tr',
      '/system/thresholds': '.list tbody tr',
      '/system/announcements': '.form',
      '/system/audit': '.list tbody tr',
    };
    expect(await faultsOfViews({ browser, url: app.url, key: app.adminKey, shape, views })).toEqual([]);
  });
});
