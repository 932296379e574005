import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { HistoryBackfill } from '../../src/events/history/history-backfill.js';
import { editsApplied, shardsReady } from '../support/servers/alert-shards.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { WebhookReceiver } from '../support/servers/webhook-receiver.js';
import { waitFor } from '../support/wait-for.js';
import { launchBrowser, record } from './browser-page.js';
import { HOSTILE, SHAPES, faultsOfViews, openView } from './console-kit.js';

const HOUR_MS = 3_600_000;

describe('alerts in the console', () => {
  let app: TestApp;
  let browser: Browser;
  let hooks: WebhookReceiver;
  let key: string;
  const pages: Page[] = [];

  beforeAll(async () => {
    [browser, hooks] = await Promise.all([launchBrowser(), WebhookReceiver.start()]);
    app = await createTestApp({ settings: { EGRESS_ALLOW: '127.0.0.0/8' } });
    key = await app.key();
    await shardsReady(app);
    await app.db.pool.query(
      `INSERT INTO protocols (slug, name, category, chains) VALUES ('lido', 'Lido', 'Liquid Staking', '{ethereum}'), ('hostile', $1, $2, '{ethereum}')`,
      [HOSTILE.markup, HOSTILE.rightToLeft],
    );
    await app.db.pool.query(
      `INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('lido', 'ethereum', 30e9), ('hostile', 'ethereum', 1e6)`,
    );
  });
  afterAll(async () => {
    await browser.close();
    await Promise.all([app.close(), hooks.close()]);
  });
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((opened) => opened.context().close()));
  });

  const open = async (address: string, as = key): Promise<Page> => {
    const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, reducedMotion: 'reduce' });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    pages.push(page);
    await openView(page, app.url, address, as);
    return page;
  };
  const ask = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await fetch(app.url + path, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    expect([200, 201, 202, 204], `${method} ${path}`).toContain(answer.status);
    return (answer.status === 204 ? undefined : await answer.json()) as T;
  };
  const at = (page: Page, pointer: string) => page.locator(`[data-pointer="${pointer}"]`);
  const row = (page: Page, text: string) => page.locator('.list tbody tr', { hasText: text });
  const makeRule = (name: string, more: object = {}): Promise<{ ruleId: string }> =>
    ask('POST', '/v1/alerts/rules', {
      name,
      conditions: [{ protocol: 'hostile', metric: 'tvl', operator: 'gt', threshold: 1e300 }],
      ...more,
    });

  it('leads from a rule through its backtest to the message of the alert that it fires', async () => {
    // The value fell below 25 billion twice in the last two days.
    const values = [30e9, 24e9, 28e9, 23e9, 30e9];
    await app.nest.get(HistoryBackfill, { strict: false }).insert(
      values.map((value, index) => ({
        metric: 'tvl' as const,
        subject: 'lido',
        chain: 'ethereum',
        at: Date.now() - (values.length - index) * 10 * HOUR_MS,
        value,
      })),
    );
    const page = await open('/alerts');
    const { complaints } = record(page);
    await page.locator('.list-state a', { hasText: 'Make one' }).click();
    await at(page, '/name').fill('Lido falls');
    await at(page, '/conditions/0/protocol').fill('lido');
    await at(page, '/conditions/0/threshold').fill('25000000000');

    await page.locator('#backtest-run').click();
    await page.locator('.backtest-summary', { hasText: 'It would have fired 2 times' }).waitFor();
    expect(await page.locator('.backtest-plot').getAttribute('data-firings')).toBe('2');
    expect(await page.locator('.backtest-plot canvas').isVisible()).toBe(true);
    expect(await page.locator('.firings li').allTextContents()).toEqual([
      expect.stringContaining('TVL of lido is $23 B, below $25 B'),
      expect.stringContaining('TVL of lido is $24 B, below $25 B'),
    ]);
    await page.locator('.curve tr', { hasText: 'a week' }).first().waitFor();
    const { data: none } = await ask<{ data: unknown[] }>('GET', '/v1/alerts/rules');
    expect(none).toEqual([]);

    await page.locator('button', { hasText: 'Add a target' }).click();
    await at(page, '/actions/0/type').selectOption('webhook');
    await at(page, '/actions/0/target').fill(hooks.url());
    await page.locator('#rule-form [type=submit]').click();
    await row(page, 'TVL of lido is below $25.00B').waitFor();
    await hooks.next('endpoint.verify');
    await page.locator('.parts a', { hasText: 'Targets' }).click();
    await row(page, hooks.url()).locator('.tag.good', { hasText: 'active' }).waitFor();
    await editsApplied(app.db.pool);

    await app.db.pool.query(`UPDATE protocol_tvl SET tvl = 20e9, observed_at = now() WHERE protocol = 'lido'`);
    const [sent] = await hooks.next('alert.fired');
    expect(sent?.json.data).toMatchObject({ name: 'Lido falls' });
    await page.locator('.parts a', { hasText: 'Deliveries' }).click();
    await row(page, 'alert.fired').locator('.tag', { hasText: 'delivered' }).waitFor();
    await row(page, 'alert.fired').press('Enter');
    await page.locator('.attempts', { hasText: '1. delivered' }).waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.parts a', { hasText: 'History' }).click();
    await row(page, 'Lido falls').click();
    await page.locator('.conditions', { hasText: '✓ holds: TVL of lido is $20 B, below $25 B' }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('edits, snoozes, tests, switches off and deletes a rule, which it asks once', async () => {
    const { ruleId } = await makeRule('Old name');
    const page = await open('/alerts/rules');
    await row(page, 'Old name').locator('td').first().click();
    await at(page, '/name').fill('New name');
    await at(page, '/conditions/0/threshold').fill('77');
    await page.locator('#rule-form [type=submit]').click();
    await row(page, 'New name').waitFor();
    const changed = await ask<{ conditions: object[] }>('GET', `/v1/alerts/rules/${ruleId}`);
    expect(changed.conditions).toMatchObject([{ protocol: 'hostile', threshold: 77 }]);

    await row(page, 'New name').locator('button', { hasText: 'Snooze' }).click();
    await page.locator('dialog [type=submit]').click();
    await row(page, 'New name').locator('.tag', { hasText: 'snoozed until' }).waitFor();
    await row(page, 'New name').locator('button', { hasText: 'Off' }).click();
    await row(page, 'New name').locator('.tag', { hasText: /^off$/ }).waitFor();

    const remove = row(page, 'New name').locator('button', { hasText: 'Delete' });
    await remove.click();
    await page.keyboard.press('Escape');
    expect(await remove.evaluate('document.activeElement.textContent')).toBe('Delete');
    expect(await row(page, 'New name').count()).toBe(1);
    await remove.click();
    await page.locator('dialog button.danger').click();
    await row(page, 'New name').waitFor({ state: 'detached' });
  });

  it('shows each fault of a rule at its field, and keeps what was typed', async () => {
    const page = await open('/alerts/rules/new');
    await at(page, '/conditions/0/protocol').fill('lido');
    await at(page, '/conditions/0/threshold').fill('many');
    await at(page, '/name').fill('Faulty');
    await page.locator('#rule-form [type=submit]').click();
    await at(page, '/conditions/0/threshold').and(page.locator('[aria-invalid]')).waitFor();
    expect(await at(page, '/conditions/0/threshold').inputValue()).toBe('many');
    await page.locator('#backtest-run').click();
    await page.locator('.backtest-summary', { hasText: /number/ }).waitFor();
  });

  it('edits a rule that the form cannot show as JSON without losing anything of it', async () => {
    const where = {
      or: [
        { metric: 'tvl', protocol: 'lido', operator: 'lt', threshold: 5 },
        { metric: 'tvl', protocol: 'hostile', operator: 'lt', threshold: 6 },
      ],
    };
    const { ruleId } = await ask<{ ruleId: string }>('POST', '/v1/alerts/rules', { name: 'Expression', where });
    const before = await ask<{ where: object }>('GET', `/v1/alerts/rules/${ruleId}`);
    const page = await open(`/alerts/rules/${ruleId}`);
    const text = page.locator('#rule-json');
    const rule = JSON.parse(await text.inputValue());
    await text.fill(JSON.stringify({ ...rule, priority: 'high' }));
    await page.locator('#rule-form [type=submit]').click();
    await row(page, 'Expression').locator('.tag', { hasText: 'high' }).waitFor();
    expect((await ask<{ where: object }>('GET', `/v1/alerts/rules/${ruleId}`)).where).toEqual(before.where);
    await ask('DELETE', `/v1/alerts/rules/${ruleId}`);
  });

  it('previews a template while it is typed and saves it under its name', async () => {
    const page = await open('/alerts/templates/new');
    await at(page, '/name').fill('short');
    await at(page, '/text').fill('Seen: {{ shown.fact }} {{ nothing.known }}');
    await page.locator('#preview-text', { hasText: 'Seen: ' }).waitFor();
    await page.locator('[role=status]', { hasText: 'unknown variable nothing' }).waitFor();
    await page.locator('#view form [type=submit]').click();
    await page.locator('.names a[aria-current]', { hasText: 'short' }).waitFor();
    expect(page.url()).toContain('#/alerts/templates/short');
    await page.locator('#view form button.danger').click();
    await page.locator('dialog button.danger').click();
    await page.locator('.names a', { hasText: 'short' }).waitFor({ state: 'detached' });
  });

  it('stores quiet hours with the time zone of the browser', async () => {
    const page = await open('/alerts/preferences');
    await page.getByLabel('Quiet hours: messages wait').check();
    await at(page, '/quietHours/start').fill('23:00');
    await at(page, '/quietHours/timezone').fill('Europe/Vienna');
    await page.locator('#view form [type=submit]').click();
    await page.locator('.said', { hasText: 'Preferences saved' }).waitFor();
    expect(await ask('GET', '/v1/alerts/preferences')).toMatchObject({
      quietHours: { start: '23:00', end: '07:00', timezone: 'Europe/Vienna' },
    });
    await at(page, '/quietHours/timezone').fill('Mars/Base');
    await page.locator('#view form [type=submit]').click();
    await at(page, '/quietHours/timezone').and(page.locator('[aria-invalid]')).waitFor();
    await ask('PATCH', '/v1/alerts/preferences', { quietHours: null });
  });

  it('makes this browser a target, and shows what is pushed to it', async () => {
    const page = await open('/alerts/rules/new');
    await page.context().grantPermissions(['notifications']);
    // The push service of the browser's vendor is not reachable here; what it would return is given instead.
    await page.evaluate(`PushManager.prototype.subscribe = async ({ applicationServerKey }) => {
      if (applicationServerKey.length !== 65) throw new Error('no VAPID key');
      return { toJSON: () => ({ endpoint: 'https://fcm.googleapis.com/fcm/send/abc', keys: {
        p256dh: 'BP-Fn5Pat8XzHGypS6J93jkvXsTsRjxd_3hWq51fyLt-kCawonweG3jTUeW5Z2htQ8Mjo8FNS3PmhnHdUPhifM8',
        auth: 'aaaaaaaaaaaaaaaaaaaaaa' } }) };
    }`);
    const worker = page.context().waitForEvent('serviceworker');
    await page.locator('button', { hasText: 'Add this browser' }).click();
    await waitFor(async () => (await at(page, '/actions/0/target').inputValue()).includes('fcm.googleapis.com'));
    expect(await at(page, '/actions/0/type').inputValue()).toBe('push');
    const registration = await worker;
    expect(registration.url()).toBe(`${app.url}/console/push-worker.js`);
    await registration.evaluate(`(async () => {
      const event = new ExtendableEvent('push');
      event.data = undefined;
      const data = JSON.stringify({ title: 'Lido falls', body: 'TVL is low', data: { alertId: 'a1' } });
      self.dispatchEvent(new PushEvent('push', { data }));
    })()`);
    const shown = await waitFor(async () => {
      const all = await registration.evaluate<{ title: string; body: string }[]>(
        `self.registration.getNotifications().then((list) => list.map(({ title, body }) => ({ title, body })))`,
      );
      return all.length > 0 ? all : undefined;
    });
    expect(shown).toEqual([{ title: 'Lido falls', body: 'TVL is low' }]);
  });

  it('keeps the focus in a row while the rows change, and moves it with the arrow keys', async () => {
    const made = [await makeRule('First'), await makeRule('Second')];
    const page = await open('/alerts/rules');
    await row(page, 'Second').focus();
    await row(page, 'First').waitFor();
    const order = await page.locator('.list tbody tr').allTextContents();
    const isSecondFirst =
      order.findIndex((text) => text.includes('Second')) < order.findIndex((text) => text.includes('First'));
    const name = (): Promise<string> => page.evaluate<string>('document.activeElement.textContent');
    await makeRule('Third').then((rule) => made.push(rule));
    await row(page, 'Third').waitFor({ timeout: 20_000 });
    expect(await name()).toContain('Second');
    await page.keyboard.press(isSecondFirst ? 'ArrowDown' : 'ArrowUp');
    expect(await name()).not.toContain('Second');
    for (const { ruleId } of made) await ask('DELETE', `/v1/alerts/rules/${ruleId}`);
  });

  it('says what a key may not see, and that the server cannot be reached', async () => {
    const page = await open('/alerts/rules');
    await page.locator('.list-frame:not([data-state=loading])').waitFor();
    await page.route('**/v1/notifications/deliveries*', (route) =>
      route.fulfill({ status: 403, json: { title: 'Forbidden', detail: 'needs the role admin', code: 'forbidden' } }),
    );
    await page.locator('.parts a', { hasText: 'Deliveries' }).click();
    await page.locator('.refusal', { hasText: 'This key may not see this: needs the role admin' }).waitFor();
    expect(await page.locator('.refusal button').count()).toBe(0);
    await page.route('**/v1/alerts/history*', (route) => route.abort());
    await page.locator('.parts a', { hasText: 'History' }).click();
    await page.locator('.refusal', { hasText: 'The server cannot be reached.' }).waitFor();
    await page.unroute('**/v1/alerts/history*');
    await page.locator('.refusal button', { hasText: 'Try again' }).click();
    await page.locator('.list-frame:not([data-state=failed])').waitFor();
  });

  describe('with hostile names', () => {
    let views: Record<string, string>;

    beforeAll(async () => {
      const { ruleId } = await makeRule(HOSTILE.markup);
      await makeRule(HOSTILE.rightToLeft);
      await makeRule('x'.repeat(200));
      const list = '.list-frame:not([data-state=loading])';
      views = {
        '/alerts/rules': '.list tbody tr',
        [`/alerts/rules/${ruleId}`]: '#rule-form',
        '/alerts/history': list,
        '/alerts/deliveries': list,
        '/alerts/targets': list,
        '/alerts/templates/default': '#preview-text:not(:empty)',
        '/alerts/preferences': '.preferences form',
      };
    });

    it.each(SHAPES)('is usable at $width px in the $colorScheme scheme', async (shape) => {
      expect(await faultsOfViews({ browser, url: app.url, key, shape, views })).toEqual([]);
    });
  });
});
