import { afterAll, beforeAll, expect, it } from 'vitest';
import { recordSlaMinute, runSlaCommand } from '../../../src/operations/index.js';
import { Database } from '../../../src/platform/database/database.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';

const START = Date.parse('2026-11-30T23:57:00Z');
const NOW = Date.parse('2026-12-01T00:03:30Z');
const MINUTE_MS = 60_000;

let db: TestDatabase;
let database: Database;

beforeAll(async () => {
  db = await createTestDatabase();
  database = new Database({ url: db.url, poolSize: 2 });
  const good = { probe: 'edge', p95Ms: 99.9, samples: 50, failedConnects: 0 };
  const minutes = [
    good,
    { ...good, p95Ms: 100 },
    { ...good, failedConnects: 1, p95Ms: 500 },
    good,
    { ...good, p95Ms: null, samples: 0 },
  ];
  for (const [at, minute] of minutes.entries()) {
    await recordSlaMinute(database, { ...minute, at: START + at * MINUTE_MS + 59_999 });
  }
  // The same minute of another probe, and the same of the same probe once more.
  await recordSlaMinute(database, { ...good, probe: 'second', failedConnects: 2, at: START + 3 * MINUTE_MS });
  await recordSlaMinute(database, { ...good, probe: 'second', failedConnects: 0, at: START + 3 * MINUTE_MS });
});
afterAll(async () => {
  await database.onApplicationShutdown();
  await db.drop();
});

async function sla(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const code = await runSlaCommand(args, {
    open: async () => new Database({ url: db.url, poolSize: 2 }),
    now: NOW,
    out: (text) => (said.out += text),
    err: (text) => (said.err += text),
  });
  return { code, ...said };
}

it('reports good, slow, failed and unmeasured minutes by month, as JSON and as text', async () => {
  const { code, out } = await sla('--from', '2026-11-30T23:57:00Z', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    from: '2026-11-30T23:57:00.000Z',
    to: '2026-12-01T00:03:00.000Z',
    total: { minutes: 6, good: 2, bad: 4, slow: 2, failed: 1, unmeasured: 1, isMet: false },
    months: [
      { month: '2026-11', minutes: 3, good: 1, slow: 1, failed: 1, unmeasured: 0 },
      { month: '2026-12', minutes: 3, good: 1, slow: 1, failed: 0, unmeasured: 1 },
    ],
  });
  const text = await sla('--from', '2026-11-30', '--to', '2026-12-01');
  expect(text.out).toMatch(/^2026-11 +1 +1439 /m);
});

it('refuses invalid arguments with exit code 2, and an unreachable database with 1', async () => {
  for (const args of [[], ['--from', 'yesterday'], ['--from', 'now'], ['--from', 'now-1d', '--nonsense']]) {
    expect((await sla(...args)).code, `sla ${args.join(' ')}`).toBe(2);
  }
  expect((await sla('--help')).out).toContain('Usage: defi-realtime sla');
  const refused = await runSlaCommand(['--from', 'now-1d'], {
    open: () => Promise.reject(new Error('connection refused')),
    now: NOW,
    out: () => undefined,
    err: () => undefined,
  });
  expect(refused).toBe(1);
});
