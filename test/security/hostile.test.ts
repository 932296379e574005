import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppProcess } from '../support/app-process.js';
import { ATTACKS, Bystander } from '../support/attacks/index.js';
import type { Victim } from '../support/attacks/attack.js';
import { fillVictimHistory } from '../support/attacks/victim-history.js';
import { serverPort } from '../support/server-port.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

const ADMIN_KEY = `rta_securityadmin_${'s'.repeat(43)}`;
const ATTACK_MS = process.env['TEST_LONG'] === '1' ? 10_000 : 1_500;
/** A turn that is a fault of the class takes seconds; ordinary ones on a busy machine stay far below. */
const MAX_TURN_MS = 250;
const MAX_GROWTH_MB = 300;
/** Far above those of a tier: the requests must be harmless, not merely few. */
const LIMITS = 'none=100000,free=100000,pro=100000,enterprise=0';

let db: TestDatabase;
let app: AppProcess;
let victim: Victim;
let bystander: Bystander;

beforeAll(async () => {
  db = await createTestDatabase();
  await fillVictimHistory(db.pool);
  const env = {
    DATABASE_URL: db.url,
    BOOTSTRAP_ADMIN_KEY: ADMIN_KEY,
    SECRETS_KEY: 'security-test-secrets-key-of-32-bytes',
    LIMIT_API_REQUESTS: LIMITS,
    LIMIT_MESSAGES: 'free=100000,pro=100000,enterprise=0',
    LIMIT_SUBSCRIPTION_CHANGES: 'free=100000,pro=100000,enterprise=0',
  };
  app = new AppProcess(await serverPort(), env, { keep: 4_000_000 });
  await app.start();
  const [writer, reader, ...freeKeys] = await Promise.all([
    keyOf('bystander', 'writer', 'enterprise'),
    keyOf('bystander', 'reader', 'enterprise'),
    ...Array.from({ length: 5 }, () => keyOf('mallory', 'reader', 'free')),
  ]);
  victim = { url: app.url, port: app.port, freeKeys };
  bystander = new Bystander(app.url, { writer: writer ?? '', reader: reader ?? '' });
  await bystander.connect();
  await bystander.watch(Date.now() + 500);
}, 240_000);

afterAll(async () => {
  await bystander?.close();
  await app?.end('SIGKILL');
  await db?.drop();
});

async function keyOf(userId: string, role: string, tier: string): Promise<string> {
  const answer = await fetch(`${app.url}/v1/admin/api-keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ userId, role, tier }),
  });
  return ((await answer.json()) as { key: string }).key;
}

/** Turns that the process logged since then, in milliseconds with their cause, longer than the bound. */
function longTurns(since: number): string[] {
  return app
    .tail()
    .split('\n')
    .filter((line) => line.includes('event loop was held'))
    .map((line) => JSON.parse(line) as { time: string; turnMs: number; gcMs: number; cause: string })
    .filter(({ time, turnMs }) => Date.parse(time) >= since && turnMs > MAX_TURN_MS)
    .map(({ turnMs, gcMs, cause }) => `${turnMs} ms, besides ${gcMs} ms of garbage collection: ${cause}`);
}

function residentMb(): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${app.pid}/status`, 'utf8'))?.[1]) / 1_024;
}

describe('while somebody attacks', () => {
  it.each(ATTACKS.map((attack) => ({ attack, does: attack.does })))(
    'no turn of the loop is long and nothing accepted is lost: $does',
    async ({ attack }) => {
      const before = residentMb();
      const start = Date.now();
      const [count] = await Promise.all([
        attack.run(victim, start + ATTACK_MS),
        bystander.watch(start + ATTACK_MS, 50),
      ]);
      const { lost } = await bystander.report();
      expect({ lost, longTurns: longTurns(start) }).toEqual({ lost: 0, longTurns: [] });
      expect(count.sent).toBeGreaterThan(0);
      expect(residentMb() - before).toBeLessThan(MAX_GROWTH_MB);
    },
    120_000,
  );

  it('the service is healthy afterwards and lets everybody in who has a key', async () => {
    await waitFor(async () => (await fetch(`${app.url}/health/ready`)).ok, { timeoutMs: 20_000 });
    const reader = await keyOf('late', 'reader', 'pro');
    const answer = await fetch(`${app.url}/v1/me`, { headers: { authorization: `Bearer ${reader}` } });
    expect(answer.status).toBe(200);
    expect(app.ended).toBe(false);
  });
});
