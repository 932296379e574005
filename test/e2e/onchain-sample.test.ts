import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { createTestDatabase, type TestDatabase } from '../support/servers/test-database.js';
import { waitFor } from '../support/wait-for.js';

interface Status {
  chain: string;
  state: string;
  head: { number: number } | null;
  finalized: { number: number } | null;
  projected: { number: number } | null;
  blocksLeft: number;
  endpoints: { url: string; state: string }[];
}

interface Leader {
  account: string;
  points: string;
}

let db: TestDatabase;
let app: TestApp;
let key: string;
const startedAt = performance.now();

beforeAll(async () => {
  db = await createTestDatabase();
  app = await createTestApp({ db, settings: { SOURCE: 'sample' } });
  key = await app.key();
});
afterAll(async () => {
  await app.close();
  await db.drop();
});

async function read<T>(path: string): Promise<T> {
  const answer = await fetch(`${app.url}${path}`, { headers: { authorization: `Bearer ${key}` } });
  expect(answer.status).toBe(200);
  return (await answer.json()) as T;
}

const status = async (): Promise<Status | undefined> =>
  (await read<{ data: Status[] }>('/v1/onchain/status')).data.find(({ chain }) => chain === 'sample');
const following = (): Promise<Status> =>
  waitFor(
    async () => {
      const found = await status();
      return found?.state === 'following' && found.blocksLeft <= 1 ? found : undefined;
    },
    { timeoutMs: 60_000, what: 'the sample chain to be followed' },
  );

describe('the sample source without any configuration', () => {
  it('shows a followed chain and a leaderboard of points within a minute', async () => {
    const { head, finalized, endpoints } = await following();
    const present = Math.floor((Date.now() - Date.UTC(2025, 0, 1)) / 2_000);
    expect(Math.abs((head?.number ?? 0) - present)).toBeLessThanOrEqual(3);
    expect(finalized?.number).toBeLessThan(head?.number ?? 0);
    expect(endpoints).toMatchObject([{ url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/), state: 'in_use' }]);
    const leaders = await waitFor(
      async () => {
        const { data } = await read<{ data: Leader[] }>('/v1/points/leaderboard?limit=10');
        return data.length === 10 ? data : undefined;
      },
      { what: 'a leaderboard' },
    );
    expect(Number(leaders[0]?.points)).toBeGreaterThan(Number(leaders[9]?.points));
    expect(Number(leaders[9]?.points)).toBeGreaterThan(0);
    expect(performance.now() - startedAt).toBeLessThan(60_000);
  });

  it('has events and tokens without an error, and goes on with the next blocks', async () => {
    const { head } = await following();
    const events = await read<{ data: { error?: string; kind: string }[] }>(
      '/v1/onchain/events?chain=sample&limit=1000',
    );
    expect(events.data.length).toBeGreaterThan(100);
    expect(events.data.filter(({ error }) => error != null)).toEqual([]);
    await waitFor(async () => ((await status())?.head?.number ?? 0) > (head?.number ?? 0) + 1, { what: 'more blocks' });
  });

  it('goes on after a restart with the same chain, and is not followed without its source', async () => {
    await app.close();
    app = await createTestApp({ db, settings: { SOURCE: 'none' } });
    const { rows } = await db.pool.query<{ id: number; contracts: number }>(
      `SELECT h.id, (SELECT count(*) FROM onchain_contracts c WHERE c.chain = h.id) AS contracts FROM onchain_chains h`,
    );
    expect(rows).toMatchObject([{ contracts: 2 }]);
    const stopped = (await status())?.head?.number ?? 0;
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect((await status())?.head?.number).toBe(stopped);
    await app.close();
    app = await createTestApp({ db, settings: { SOURCE: 'sample' } });
    await waitFor(async () => ((await status())?.projected?.number ?? 0) > stopped, { what: 'the next blocks' });
    const invalid = await db.pool.query(`SELECT error FROM onchain_logs WHERE error IS NOT NULL`);
    expect(invalid.rows).toEqual([]);
  });
});
