import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HistoryBackfill } from '../../src/events/history/history-backfill.js';
import { RealtimeHub } from '../../src/realtime/core/hub.js';
import { editsApplied, shardsReady } from '../support/servers/alert-shards.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { quietFor, waitFor } from '../support/wait-for.js';
import { launchBrowser, record, type PageRecord } from './browser-page.js';
import { CuttableProxy } from '../support/servers/cuttable-proxy.js';

const SIZES = [
  { width: 1440, height: 900 },
  { width: 390, height: 844 },
];

describe('the console in a browser', () => {
  let app: TestApp;
  let browser: Browser;
  let page: Page;
  let seen: PageRecord;
  const pages: Page[] = [];

  beforeAll(async () => {
    [app, browser] = await Promise.all([createTestApp(), launchBrowser()]);
    await shardsReady(app);
    await list('lido', 'Lido', { ethereum: 27_000_000_000, solana: 64_000_000 });
    await list('aave-v3', 'Aave V3', { ethereum: 21_000_000_000 });
    await app.db.pool.query(`INSERT INTO token_prices (token, symbol, price) VALUES ('bitcoin', 'btc', 67000)`);
    // A page must not be opened before the values are published, because its snapshot would be empty.
    await waitFor(async () => (await fetchJson('/v1/tvl/aave-v3/history')).data.length > 0);
  });
  afterAll(async () => {
    await browser.close();
    await app.close();
  });
  beforeEach(async () => {
    page = await open();
    seen = record(page);
  });
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((opened) => opened.context().close()));
  });

  const open = async (options: BrowserContextOptions = {}): Promise<Page> => {
    // Without animations: here the processor draws them, and the app under test needs its share.
    const context = await browser.newContext({ viewport: SIZES[0] ?? null, reducedMotion: 'reduce', ...options });
    const opened = await context.newPage();
    opened.setDefaultTimeout(15_000);
    pages.push(opened);
    return opened;
  };
  const list = async (slug: string, name: string, chains: Record<string, number>): Promise<void> => {
    await app.db.pool.query(`INSERT INTO protocols (slug, name, category, chains) VALUES ($1, $2, 'Lending', $3)`, [
      slug,
      name,
      Object.keys(chains),
    ]);
    for (const [chain, tvl] of Object.entries(chains)) {
      await app.db.pool.query('INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ($1, $2, $3)', [
        slug,
        chain,
        tvl,
      ]);
    }
  };
  const setTvl = (slug: string, chain: string, tvl: number): Promise<unknown> =>
    app.db.pool.query(`UPDATE protocol_tvl SET tvl = $3, observed_at = now() WHERE protocol = $1 AND chain = $2`, [
      slug,
      chain,
      tvl,
    ]);
  const fetchJson = async (path: string): Promise<{ data: unknown[]; change24h?: number }> => {
    const answer = await fetch(app.url + path, { headers: { authorization: `Bearer ${app.adminKey}` } });
    return (await answer.json()) as { data: unknown[]; change24h?: number };
  };
  const connect = async (target: Page, base = app.url): Promise<void> => {
    await target.goto(`${base}/#key=${app.adminKey}`);
    await target.locator('#state[data-state=live]').waitFor();
  };
  const tapeRow = (target: Page, text: string) => target.locator('#tape li', { hasText: text });

  it('shows a change written with SQL in the tape of events', async () => {
    await connect(page);
    await setTvl('lido', 'ethereum', 30_000_000_000);
    const row = tapeRow(page, '$30.00B').first();
    await row.waitFor();
    expect(await row.textContent()).toMatch(/Lido.*▲ 11\.11 %/s);
    await page.locator('#lag-p50', { hasText: /ms|s/ }).waitFor();
  });

  it('reads the key from the URL and shows it nowhere', async () => {
    await connect(page);
    expect(page.url()).not.toContain('rta_');
    expect(await page.content()).not.toContain(app.adminKey);
    await page.reload();
    await page.locator('#state[data-state=live]').waitFor();
  });

  it('shows the totals of the snapshot', async () => {
    await connect(page);
    await page.locator('#total-tokens', { hasText: /^1$/ }).waitFor();
    expect(await page.locator('#total-chains').textContent()).toBe('2');
    expect(await page.locator('#total-tvl').textContent()).toMatch(/^\$[45]\d\.\d\dB$/);
  });

  it('draws the history of a clicked protocol and adds new changes', async () => {
    await connect(page);
    await setTvl('aave-v3', 'ethereum', 22_000_000_000);
    await tapeRow(page, '$22.00B').first().waitFor();
    await waitFor(async () => (await fetchJson('/v1/tvl/aave-v3/history')).data.length > 1);
    await tapeRow(page, '$22.00B').first().locator('button').click();
    await page.locator('#plot canvas').waitFor();
    expect(await page.locator('#chart-title').textContent()).toBe('Aave V3');
    expect(await page.locator('#chart-value').textContent()).toBe('$22.00B');
    expect(page.url()).toContain('#/live?tvl=aave-v3');

    await page.mouse.move(10, 10);
    await setTvl('aave-v3', 'ethereum', 25_000_000_000);
    await page.locator('#chart-value', { hasText: '$25.00B' }).waitFor();
    expect(await page.locator('#plot').getAttribute('aria-label')).toContain('now $25.00B');
  });

  it('shows the change since the start of the range, and a new name immediately', async () => {
    const hoursAgo = (hours: number) => Date.now() - hours * 3_600_000;
    const point = (hours: number, value: number) => ({
      metric: 'tvl' as const,
      subject: 'renamed',
      chain: 'ethereum',
      at: hoursAgo(hours),
      value,
    });
    await app.nest.get(HistoryBackfill, { strict: false }).insert([point(25, 50_000_000), point(20, 80_000_000)]);
    await list('renamed', 'Old Name', { ethereum: 100_000_000 });
    await waitFor(async () => (await fetchJson('/v1/tvl/renamed')).change24h === 100);
    await connect(page);
    await page.goto(`${app.url}/#tvl=renamed`);
    await page.locator('#chart-change', { hasText: '▲ 100.0 %' }).waitFor();
    await app.db.pool.query(`UPDATE protocols SET name = 'New Name' WHERE slug = 'renamed'`);
    await page.locator('#chart-title', { hasText: 'New Name' }).waitFor();
    expect(await page.locator('#chart-when').textContent()).toBe('in 24 hours');
  });

  it('finds a token with the keyboard only', async () => {
    await connect(page);
    await page.keyboard.press('/');
    await page.keyboard.type('bit');
    await page.locator('#search-list [role=option]', { hasText: 'BTC' }).waitFor();
    await page.keyboard.press('Enter');
    await page.locator('#chart-title', { hasText: 'BTC' }).waitFor();
    expect(await page.locator('#chart-value').textContent()).toBe('$67,000.00');
  });

  it('stops the tape while paused and adds the new changes afterwards', async () => {
    await connect(page);
    await page.locator('#tape-pause').click();
    await setTvl('lido', 'solana', 70_000_000);
    await page.locator('#tape-held', { hasText: 'Paused, 1 new' }).waitFor();
    expect(await tapeRow(page, '$70.00M').count()).toBe(0);
    await page.locator('#tape-pause').click();
    await tapeRow(page, '$70.00M').waitFor();
  });

  it('shows alerts of the user: the hint without rules, live alerts and the alert history', async () => {
    const rule = {
      name: 'Lido <b>falls</b>',
      conditions: [{ protocol: 'lido', metric: 'tvl', operator: 'lt', threshold: 20_000_000_000 }],
      mode: 'crossing',
      priority: 'critical',
    };
    await connect(page);
    await page
      .locator('#alerts', { hasText: 'You have no alert rule yet. POST /v1/alerts/rules makes one.' })
      .waitFor();
    const made = await fetch(`${app.url}/v1/alerts/rules`, {
      method: 'POST',
      headers: { authorization: `Bearer ${app.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(rule),
    });
    expect(made.status).toBe(201);
    await page.reload();
    await page.locator('#alerts', { hasText: 'No alert yet. Your rules are watching.' }).waitFor();
    await editsApplied(app.db.pool);

    await setTvl('lido', 'ethereum', 19_000_000_000);
    const row = page.locator('#alerts li.critical');
    await row.waitFor();
    expect(await row.locator('b').textContent()).toBe(rule.name);
    expect(await row.locator('small').textContent()).toMatch(/^critical · TVL of lido is \$19\.\d\d B/);
    await page.reload();
    await row.waitFor();
    await row.locator('button').click();
    await page.locator('#chart-title', { hasText: 'Lido' }).waitFor();
    expect(seen.complaints).toEqual([]);
  });

  it('works without alerts if the key may not subscribe to alerts', async () => {
    const key = await app.key({ subscriptionTypes: ['tvl_changes', 'price_changes', 'protocol_updates'] });
    await page.goto(`${app.url}/#key=${key}`);
    await page.locator('#state[data-state=live]').waitFor();
    await page.locator('#alerts-note', { hasText: 'alerts' }).waitFor();
    expect(await page.locator('#desk').isVisible()).toBe(true);
  });

  it('resumes after a connection loss without missing or repeated changes', async () => {
    const proxy = new CuttableProxy(app.port);
    try {
      await connect(page, await proxy.listen());
      await setTvl('lido', 'ethereum', 33_000_000_000);
      await tapeRow(page, '$33.00B').waitFor();
      proxy.cut();
      await page.locator('#state[data-state=waiting]').waitFor();
      await setTvl('lido', 'ethereum', 36_000_000_000);
      await setTvl('lido', 'ethereum', 39_000_000_000);
      proxy.mend();
      await page.locator('#resume', { hasText: 'Resumed, 2 missed changes replayed' }).waitFor();
      await tapeRow(page, '$39.00B').waitFor();
      const counts = await Promise.all(['$33.00B', '$36.00B', '$39.00B'].map((text) => tapeRow(page, text).count()));
      expect(counts).toEqual([1, 1, 1]);
      await page.locator('#recovered', { hasText: /^2$/ }).waitFor();
      expect(await page.locator('#reconnects').textContent()).toBe('1');
    } finally {
      await proxy.close();
    }
  });

  it('draws a token without history from live changes', async () => {
    await app.db.pool.query(`INSERT INTO token_prices (token, symbol, price) VALUES ('fresh', 'frsh', 1)`);
    await connect(page);
    await page.goto(`${app.url}/#price=fresh`);
    await page.locator('#plot-message', { hasText: 'No history yet' }).waitFor();
    for (const price of [2, 3]) {
      await app.db.pool.query(`UPDATE token_prices SET price = $1, observed_at = now() WHERE token = 'fresh'`, [price]);
      await tapeRow(page, `$${price}.00`).waitFor();
    }
    await page.locator('#plot canvas').waitFor();
    expect(await page.locator('#plot-message').textContent()).toBe('');
  });

  it('continues after a new epoch of the event log whose name sorts before the old epoch', async () => {
    const hub = app.nest.get(RealtimeHub, { strict: false });
    const { epoch } = hub;
    const anew = 'zzzzzzzzzz';
    hub.startEpoch(anew, hub.position);
    await connect(page);
    // The next row of the log, at most ten seconds later, sets the log's real epoch again.
    await waitFor(async () => {
      if (hub.epoch !== anew) hub.startEpoch(anew, hub.position);
      return (await page.locator('#cursor').textContent())?.includes(anew);
    });
    await page.goto(`${app.url}/#tvl=aave-v3`);
    // The next change has the log's real epoch: for the page this is a new log.
    await setTvl('aave-v3', 'ethereum', 22_000_000_000);
    await tapeRow(page, '$22.00B').waitFor();
    await page.locator('#cursor', { hasText: epoch }).waitFor();
    await page.locator('#state[data-state=live]').waitFor();
    await setTvl('aave-v3', 'ethereum', 23_000_000_000);
    await page.locator('#chains', { hasText: '$23.00B' }).waitFor();
    expect(seen.complaints).toEqual([]);
  });

  it('accepts a key pasted into the URL of an open page', async () => {
    await page.goto(app.url);
    await page.locator('#key-form').waitFor();
    await connect(page);
    expect(page.url()).not.toContain('rta_');
  });

  it('asks for another key if a key is refused, and shows the reason', async () => {
    await page.goto(`${app.url}/#key=rta_nobody_0123456789012345678901234567890123456789012`);
    await page.locator('#key-error', { hasText: 'does not know this key' }).waitFor();
    await page.locator('#key-input').fill(app.adminKey);
    await page.keyboard.press('Enter');
    await page.locator('#state[data-state=live]').waitFor();
    expect(await page.locator('#gate').isVisible()).toBe(false);
  });

  it('asks for a key if none is stored', async () => {
    await page.goto(app.url);
    await page.locator('#key-form').waitFor();
    expect(await page.locator('#key-input:focus').count()).toBe(1);
    // The printed command must work as it is: a key needs a user.
    expect(await page.locator('#key-form code').textContent()).toContain('--user');
  });

  it('shows HTML in a name as text and never executes it', async () => {
    const name = `<img src=x onerror="window.broken=1"><b>Bold & Co</b>`;
    await list('hostile', name, { ethereum: 1_000_000 });
    await connect(page);
    await setTvl('hostile', 'ethereum', 2_000_000);
    await tapeRow(page, name).waitFor();
    await tapeRow(page, name).locator('button').click();
    await page.locator('#chart-title', { hasText: name }).waitFor();
    expect(await page.locator('#tape img, #chart-title img, #tape b b').count()).toBe(0);
    expect(await page.evaluate('globalThis.broken')).toBeUndefined();
    expect(seen.complaints).toEqual([]);
  });

  it('lets an `EventSource` on its page receive a change', async () => {
    await page.goto(app.url);
    const address = `/v1/stream?channels=events:tvl&protocols=aave-v3&apiKey=${app.adminKey}`;
    const received = page.evaluate<{ data: string; id: string }>(`new Promise((resolve, reject) => {
      const source = new EventSource('${address}');
      source.addEventListener('ready', () => document.body.setAttribute('data-ready', ''));
      source.addEventListener('tvl_change', ({ data, lastEventId }) => {
        source.close();
        resolve({ data, id: lastEventId });
      });
      source.addEventListener('error', () => reject(new Error('the stream ended')));
    })`);
    await page.locator('body[data-ready]').waitFor({ state: 'attached' });
    await setTvl('aave-v3', 'ethereum', 28_000_000_000);
    const { data, id } = await received;
    expect(JSON.parse(data)).toMatchObject({ protocol: 'aave-v3', currentTvl: 28_000_000_000, cursor: id });
  });

  it.each(SIZES)(
    'fits a width of $width px without horizontal scrolling, errors or foreign hosts',
    async (viewport) => {
      for (const colorScheme of ['light', 'dark'] as const) {
        const sized = await open({ viewport, colorScheme });
        const noted = record(sized);
        await connect(sized);
        await sized.locator('#movers :is(table, .empty)').first().waitFor();
        await quietFor(300);
        expect(await sized.evaluate('document.documentElement.scrollWidth')).toBe(viewport.width);
        expect(await sized.locator('html').getAttribute('data-scheme')).toBe(colorScheme);
        expect(noted.complaints).toEqual([]);
        expect([...noted.hosts]).toEqual([new URL(app.url).host]);
      }
    },
  );

  it('remembers the chosen colour scheme', async () => {
    const light = await open({ colorScheme: 'light' });
    await connect(light);
    await light.locator('#theme').click();
    await light.reload();
    await light.locator('#state[data-state=live]').waitFor();
    expect(await light.locator('html').getAttribute('data-scheme')).toBe('dark');
  });
});
