/**
 * The typed client in Chromium: compressed sizes of its modules; ten tabs with one connection of which the tab that holds it is
 * closed during writes; and a page that is shown after its network was away for seconds. Prices are the numbers of the changes, so
 * what each application got is compared with what was committed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { bundleClient } from '../../src/client/bundle.mjs';
import { launchBrowser } from '../browser/browser-page.js';
import { buildClient, ClientPage } from '../browser/client-page.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { CuttableProxy } from '../support/servers/cuttable-proxy.js';
import { openTestPool } from '../support/servers/test-pool.js';
import { waitFor } from '../support/wait-for.js';
import type { BenchContext, Figures } from './support/bench-context.js';
import { createKey, type BenchApp } from './support/bench-app.js';
import { median, round } from './support/percentiles.js';

const TABS = 10;
/** Time between two changes, ms. */
const EVERY_MS = 20;
/** Changes of one round; the host is closed after half of them. */
const CHANGES = 60;
/** Time without a network, ms: long enough for delays of seconds between attempts. */
const AWAY_MS = 4_000;

interface Bench {
  readonly app: BenchApp;
  readonly key: string;
  readonly market: MarketWriter;
  readonly browser: Awaited<ReturnType<typeof launchBrowser>>;
}

interface Round {
  readonly ms: number;
  readonly missing: number;
  readonly repeated: number;
}

export async function run(context: BenchContext): Promise<Figures> {
  const rounds = context.quick ? 1 : 5;
  await buildClient();
  const app = await context.startApp();
  const browser = await launchBrowser();
  context.atEnd(() => browser.close());
  const pool = openTestPool(app.databaseUrl);
  context.atEnd(() => pool.end());
  context.noteVersion('chromium', browser.version());
  const key = await createKey(app, 'bench', 'reader', 'enterprise');
  const bench = { app, key, browser, market: new MarketWriter(pool) };
  const [changes, websocket, sse]: [Round[], Round[], Round[]] = [[], [], []];
  let connections = 0;
  for (let n = 1; n <= rounds; n++) {
    const change = await hostClosed(bench, `host-${n}`);
    connections = Math.max(connections, change.connections);
    changes.push(change);
    websocket.push(await shownAgain(bench, `websocket-${n}`, 'websocket'));
    sse.push(await shownAgain(bench, `sse-${n}`, 'sse'));
    context.log(
      `round ${n} of ${rounds}: ${TABS} tabs, ${change.connections} connection; longest wait ${change.ms.toFixed(0)} ms; ` +
        `current ${websocket.at(-1)?.ms.toFixed(0)} and ${sse.at(-1)?.ms.toFixed(0)} ms after it was shown`,
    );
  }
  const all = [...changes, ...websocket, ...sse];
  const half = (of: readonly Round[]): number => round(median(of.map(({ ms }) => ms)), 0);
  const sizes = await bundleClient();
  const kilobytes = (name: string): number => round(gzipSync(sizes.get(name) ?? '', { level: 9 }).length / 1_024);
  const figures = {
    kb_core: kilobytes('index'),
    kb_live: kilobytes('live'),
    kb_shared: kilobytes('shared'),
    reconnect_current_ms: half(websocket),
    reconnect_current_sse_ms: half(sse),
    tabs: TABS,
    connections,
    leader_change_ms: half(changes),
    missing: all.reduce((sum, { missing }) => sum + missing, 0),
    repeated: all.reduce((sum, { repeated }) => sum + repeated, 0),
    ...(await loopOf(app)),
  };
  context.log('\ntargets: 8 KB, 2 KB and 2 KB; current < 1,000 ms; one connection; change of the host < 500 ms');
  context.table([figures]);
  return figures;
}

const filterOf = (token: string) => ({ tokens: [token], snapshot: true });

/** Returns the longest time from the commit of a change to its arrival in any of the other tabs, while the host is closed. */
async function hostClosed(
  { app, key, browser, market }: Bench,
  token: string,
): Promise<Round & { connections: number }> {
  await market.price(token, 1);
  const page = await browser.newContext();
  const tabs: ClientPage[] = [];
  const options = { url: app.url, auth: key, isShared: true, filter: filterOf(token) };
  for (let n = 0; n < TABS; n++) tabs.push(await ClientPage.open(page, options));
  for (const tab of tabs) await tab.isReady();
  const answer = await fetch(`${app.url}/v1/realtime/connections`, { headers: { authorization: `Bearer ${key}` } });
  const { data } = (await answer.json()) as { data: readonly unknown[] };
  const host = tabs.find(({ sockets }) => sockets > 0);
  const others = tabs.filter((tab) => tab !== host);
  const committed = new Map<number, number>();
  for (let price = 2; price <= CHANGES; price++) {
    await market.price(token, price);
    committed.set(price, performance.timeOrigin + performance.now());
    if (price === CHANGES / 2) void host?.page.close();
    await sleep(EVERY_MS);
  }
  const outcome = await compare(others, committed);
  await page.close();
  return { ...outcome, connections: data.length };
}

/** Returns the time from the moment when a page is shown, after its network was away, until it is current. */
async function shownAgain(
  { app, key, browser, market }: Bench,
  token: string,
  transport: 'websocket' | 'sse',
): Promise<Round> {
  await market.price(token, 1);
  const wire = new CuttableProxy(app.port);
  const page = await browser.newContext();
  const tab = await ClientPage.open(page, { url: await wire.listen(), auth: key, transport, filter: filterOf(token) });
  await tab.isReady();
  wire.cut();
  const committed = new Map<number, number>();
  for (let price = 2; price <= CHANGES; price++) await market.price(token, price);
  await sleep(AWAY_MS);
  wire.mend();
  const shown = await tab.run<number>(
    `(document.dispatchEvent(new Event('visibilitychange')), performance.timeOrigin + performance.now())`,
  );
  for (let price = 2; price <= CHANGES; price++) committed.set(price, shown);
  const outcome = await compare([tab], committed);
  await page.close();
  await wire.close();
  return outcome;
}

/** Compares what applications got with what was committed; `ms` is the longest time to an arrival. */
async function compare(tabs: readonly ClientPage[], committed: ReadonlyMap<number, number>): Promise<Round> {
  const outcome = { ms: 0, missing: 0, repeated: 0 };
  for (const tab of tabs) {
    await waitFor(async () => (await tab.prices()).length >= committed.size, { timeoutMs: 10_000 }).catch(
      () => undefined,
    );
    const received = await tab.received();
    for (const [price, at] of committed) {
      const arrivals = received.filter(({ what }) => what === price);
      outcome.missing += arrivals.length === 0 ? 1 : 0;
      outcome.repeated += Math.max(0, arrivals.length - 1);
      outcome.ms = Math.max(outcome.ms, (arrivals[0]?.at ?? at) - at);
    }
  }
  return outcome;
}

/** Returns how long the event loop of the app was held. */
async function loopOf({ url, adminKey }: BenchApp): Promise<Figures> {
  const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${adminKey}` } });
  const text = await answer.text();
  const milliseconds = (pattern: RegExp): number => round(Number(pattern.exec(text)?.[1]) * 1_000, 1);
  return {
    event_loop_delay_p99_ms: milliseconds(/event_loop_delay_p99_seconds ([\d.e-]+)/),
    longest_turn_ms: milliseconds(/event_loop_longest_turn_seconds\{window="scrape"\} ([\d.e-]+)/),
  };
}
