import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';

const unpacked = (file: string): unknown => {
  const path = new URL(`../../src/events/sources/sample/${file}`, import.meta.url);
  return JSON.parse(gunzipSync(readFileSync(path)).toString('utf8'));
};

describe('the sample source in the whole application', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await createTestApp({ settings: { SOURCE: 'sample' } });
  });

  afterAll(() => app.close());

  const count = async (sql: string): Promise<number> => {
    const { rows } = await app.db.pool.query<{ count: string }>(`SELECT count(*) FROM ${sql}`);
    return Number(rows[0]?.count);
  };

  it('fills an empty database with protocols, TVL and token prices', async () => {
    await waitFor(async () => (await count('token_prices')) > 0);
    expect(await count('protocols')).toBeGreaterThanOrEqual(1_000);
    expect(await count('protocol_tvl')).toBeGreaterThanOrEqual(1_000);
    expect(await count('token_prices')).toBeGreaterThanOrEqual(10);
    // Answers are made from published values, which follow a moment after the write.
    const listed = await waitFor(async () => {
      const answer = await fetch(`${app.url}/protocols`, { headers: { authorization: `Bearer ${app.adminKey}` } });
      const all = (await answer.json()) as { slug: string; oracles: string[] }[];
      const oraclesOf = (name: string) => all.find(({ slug }) => slug === name)?.oracles;
      return oraclesOf('aave-v3') && oraclesOf('lido') && { aave: oraclesOf('aave-v3'), lido: oraclesOf('lido') };
    });
    expect(listed).toEqual({ aave: ['Chainlink'], lido: [] });
  });

  it('writes changes of TVL and prices to the event log', async () => {
    const types = await waitFor(
      async () => {
        const { rows } = await app.db.pool.query<{ type: string }>(
          `SELECT DISTINCT type FROM event_log WHERE type IN ('tvl_change', 'price_change')`,
        );
        return rows.length === 2 && rows;
      },
      { timeoutMs: 25_000 },
    );
    expect(types).toHaveLength(2);
  });

  it('writes only recorded values, except values tagged as interpolated', async () => {
    const tvl = unpacked('tvl.json.gz') as {
      snapshots: { protocols: [string, string, string, string[], string, number[]][] };
      minutes: { slug: string; values: number[] }[];
    };
    const prices = unpacked('prices.json.gz') as { token: string; values: number[] }[];
    const recorded = new Map<string, Set<number>>([
      ...tvl.snapshots.protocols.map(([slug, , , , , values]) => [slug, new Set(values)] as const),
      ...tvl.minutes.map(({ slug, values }) => [slug, new Set(values)] as const),
      ...prices.map(({ token, values }) => [token, new Set(values)] as const),
    ]);
    const { rows } = await app.db.pool.query<{ subject: string; current: number }>(
      `SELECT coalesce(protocol, token) AS subject, current FROM event_log
       WHERE current IS NOT NULL AND NOT 'interpolated' = ANY (tags)`,
    );
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.filter(({ subject, current }) => !recorded.get(subject)?.has(current))).toEqual([]);
  });

  it('writes a protocol on several chains only as a total', async () => {
    const { rows } = await app.db.pool.query(
      `SELECT p.slug FROM protocols p JOIN protocol_tvl t ON t.protocol = p.slug
       WHERE cardinality(p.chains) > 1 AND t.chain <> 'all'`,
    );
    expect(rows).toEqual([]);
  });

  it('fills 30 days of history', async () => {
    await waitFor(async () => (await count('sample_playback WHERE history_filled')) === 1, { timeoutMs: 80_000 });
    const { rows } = await app.db.pool.query<{ series: string; days: number }>(
      `SELECT count(DISTINCT series_id) AS series,
         extract(epoch FROM now() - min(at)) / 86400 AS days FROM metric_points`,
    );
    expect(Number(rows[0]?.series)).toBeGreaterThan(2_000);
    expect(Number(rows[0]?.days)).toBeGreaterThan(29);
  }, 90_000);
});
