import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { topic0sOf, type Address, type Hash } from '../../src/onchain/core/index.js';
import { MockChain, type LogSpec } from '../support/chain/mock-rpc-chain.js';
import { MockRpc } from '../support/chain/mock-rpc.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';
import { launchBrowser } from './browser-page.js';
import { HOSTILE, SHAPES, faultsOfViews, openView } from './console-kit.js';

const NFT: Address = `0x${'a1'.repeat(20)}`;
const OWNER: Address = `0x${'07'.repeat(20)}`;
const [TRANSFER] = topic0sOf(['erc721']);
const word = (hex: string): Hash => `0x${hex.padStart(64, '0')}`;
const mint = (token: number): LogSpec => ({
  address: NFT,
  topics: [TRANSFER!, word('0'), word(OWNER.slice(2)), word(token.toString(16))],
  data: '0x',
});

describe('the on-chain views of the console', () => {
  let app: TestApp;
  let browser: Browser;
  let chain: MockChain;
  let rpc: MockRpc;
  let directory: string;
  let reader: string;
  const pages: Page[] = [];

  beforeAll(async () => {
    chain = new MockChain({ finalityDepth: 8, startsAt: Math.floor(Date.now() / 1_000) - 3_600 });
    for (let block = 1; block <= 40; block += 1) chain.mine([mint(block)]);
    rpc = await MockRpc.start(chain);
    directory = await mkdtemp(join(tmpdir(), 'onchain-'));
    const endpoints = [{ url: rpc.url, ws: rpc.wsUrl }];
    const contracts = [{ address: NFT, standard: 'erc721', fromBlock: 1 }];
    const config = {
      chains: [{ id: 'mock', chainId: 31_337, pollMs: 1_000, endpoints, contracts }],
      points: {
        rules: [{ validFrom: '1970-01-01T00:00:00.000Z', stakedPerTokenPerDay: '1', heldPerTokenPerDay: '1' }],
      },
    };
    await writeFile(join(directory, 'chains.yaml'), JSON.stringify(config));
    const settings = { ONCHAIN_CONFIG: join(directory, 'chains.yaml') };
    [app, browser] = await Promise.all([createTestApp({ settings }), launchBrowser()]);
    reader = await app.key();
    await waitFor(async () => (await tokens()) === 40, { what: '40 tokens', timeoutMs: 60_000 });
    chain.reorg(2, [[mint(101)], [mint(102)], [mint(103)]]);
    await waitFor(async () => (await tokens()) === 41, { what: '41 tokens', timeoutMs: 60_000 });
  });
  afterAll(async () => {
    await browser.close();
    await app.close();
    await rpc.close();
    await rm(directory, { recursive: true });
  });
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((opened) => opened.context().close()));
  });

  const tokens = async (): Promise<number> =>
    (await app.db.pool.query<{ n: number }>('SELECT count(*)::int AS n FROM onchain_tokens')).rows[0]!.n;
  const open = async (address: string, key = app.adminKey): Promise<Page> => {
    const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, reducedMotion: 'reduce' });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    pages.push(page);
    await openView(page, app.url, address, key);
    return page;
  };

  it('shows the state of the chain and has a range replayed', async () => {
    const page = await open('/onchain');
    await page.locator('.followed .chain', { hasText: 'mock' }).waitFor();
    await page.getByRole('button', { name: 'Replay a range' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Chain').fill('nowhere');
    await dialog.getByLabel('First block').fill('1');
    await dialog.getByLabel('Last block').fill('20');
    await dialog.getByRole('button', { name: 'Replay' }).click();
    await dialog.locator('.problem, .fault').filter({ hasText: /\S/ }).first().waitFor();
    await dialog.getByLabel('Chain').fill('mock');
    await dialog.getByRole('button', { name: 'Replay' }).click();
    await page.locator('.replay', { hasText: 'Replay of mock is done: 20 blocks, 0 logs were missing.' }).waitFor();
    expect(await dialog.count()).toBe(0);
  });

  it('turns pages of 10,000 missing ranges, and has the chosen one replayed', async () => {
    const page = await open('/live');
    const data = Array.from({ length: 10_000 }, (_, at) => ({
      chain: 'mock',
      contract: NFT,
      fromBlock: 1 + at,
      toBlock: 1 + at,
      since: '2026-01-01T00:00:00.000Z',
      reason: at === 0 ? HOSTILE.markup : at === 1 ? HOSTILE.long : 'missing',
    }));
    await page.route('**/v1/onchain/gaps', (route) => route.fulfill({ json: { data } }));
    await page.evaluate(`location.hash = '/onchain'`);
    const rows = page.locator('.gaps .list tbody tr');
    await rows.first().waitFor();
    expect(await rows.first().textContent()).toContain(HOSTILE.markup);
    await page.locator('.gaps').getByRole('button', { name: 'Next' }).click();
    await page.locator('.gaps').getByText('Page 2').waitFor();
    expect(await rows.count()).toBe(25);
    await rows.first().getByRole('button', { name: 'Replay' }).click();
    await page.locator('.replay', { hasText: 'Replay of mock is done: 1 blocks' }).waitFor();
    expect(await page.evaluate('globalThis.broken')).toBeUndefined();
  });

  it('lists reorgs and opens one with the events that it retracted', async () => {
    const page = await open('/onchain/reorgs', reader);
    const row = page.locator('.list tbody tr').first();
    await row.waitFor();
    expect(await row.locator('td').allTextContents()).toEqual([
      expect.stringMatching(/^\d{4}-\d\d-\d\d /),
      'mock',
      '2',
      '2 events',
      expect.stringMatching(/^0x/),
      expect.stringMatching(/^0x/),
    ]);
    await row.press('Enter');
    const events = page.getByRole('dialog').locator('.list tbody tr');
    await events.nth(1).waitFor();
    const cells = await events.locator('td[data-title=Token]').allTextContents();
    expect(cells).toEqual(['39', '40']);
  });

  it('leads from the leaderboard to an account and explains its points', async () => {
    const page = await open('/onchain/leaderboard', reader);
    await page.locator('.list tbody tr a').first().click();
    await page.getByRole('region', { name: 'Why it has these points' }).locator('tbody tr').first().waitFor();
    expect(await page.getByRole('region', { name: 'Standing' }).textContent()).toContain('Held41 tokens');
    expect(page.url()).toContain(`/onchain/accounts/${OWNER}`);
    // All intervals are reachable, a page at a time.
    await page.getByRole('region', { name: 'Why it has these points' }).getByRole('button', { name: 'Next' }).click();
    await page.getByRole('region', { name: 'Why it has these points' }).getByText('Page 2').waitFor();
    await page.getByLabel('Account').fill('0x12');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.getByText('must be 0x and 40 hexadecimal digits').waitFor();
  });

  it('filters events by the address, and shows refused filters at their place', async () => {
    const page = await open('/onchain/events?tokenId=7&chain=mock', reader);
    await page.locator('.list tbody tr').first().waitFor();
    expect(await page.locator('.list tbody tr').count()).toBe(1);
    await page.locator('.list tbody tr').first().press('Enter');
    expect(await page.getByRole('dialog').textContent()).toContain('none: minted');
    await page.keyboard.press('Escape');
    await page.getByLabel('Contract').fill('0xnothing');
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.locator('.list-state .refusal').waitFor();
  });

  it('says to a reader that replaying needs another role', async () => {
    const page = await open('/onchain', reader);
    await page.getByText('Replaying needs a key with the role writer.').waitFor();
    expect(await page.getByRole('button', { name: 'Replay a range' }).isDisabled()).toBe(true);
  });

  it.each(SHAPES)('fits $width px, $colorScheme', async (shape) => {
    const views = {
      '/onchain': '#onchain tbody tr',
      '/onchain/leaderboard': '.list tbody tr',
      [`/onchain/accounts/${OWNER}`]: '.standing',
      '/onchain/events': '.list tbody tr',
      '/onchain/reorgs': '.list tbody tr',
    };
    expect(await faultsOfViews({ browser, url: app.url, key: app.adminKey, shape, views })).toEqual([]);
  });
});
