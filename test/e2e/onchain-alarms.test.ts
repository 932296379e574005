import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { FollowerMetrics } from '../../src/onchain/follower/follower-metrics.js';
import { ChainMonitor } from '../../src/onchain/monitoring/chain-monitor.js';
import { CONDITIONS } from '../../src/onchain/monitoring/conditions.js';
import { ALARM_CODES } from '../../src/onchain/store/chain-alarms.js';
import { Database } from '../../src/platform/database/database.js';
import { MAX_POOL_SHARE, PoolWatch } from '../../src/platform/health/pool-watch.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';

interface Rule {
  alert: string;
  expr: string;
  labels: { severity: string };
}

let app: TestApp;
let chain: number;

beforeAll(async () => {
  app = await createTestApp();
  const { rows } = await app.db.pool.query<{ id: number }>(
    `INSERT INTO onchain_chains (name, settings, origin, state, head_number, head_ms)
     VALUES ('base', '{"startBlock":1,"pollMs":1000,"forkDepth":8,"finality":{"tag":"finalized","depth":8}}', 'rest', 'following', 20, 0)
     RETURNING id`,
  );
  chain = rows[0]!.id;
  await app.db.pool.query(
    `INSERT INTO onchain_contracts (chain, address, standard, from_block, stream, origin) VALUES ($1, decode(repeat('a1', 20), 'hex'), 'erc721', 1, 1, 'rest')`,
    [chain],
  );
  await app.db.pool.query('INSERT INTO onchain_streams (id, chain, block, at_ms) VALUES (1, $1, 20, 0)', [chain]);
});
afterAll(() => app.close());

const metrics = (): Promise<string> => fetch(`${app.url}/metrics`).then((answer) => answer.text());
const health = async (): Promise<Record<string, { status: string; message?: string }>> => {
  const answer = await fetch(`${app.url}/health/ready`);
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { details: Record<string, { status: string }> }).details;
};
/** Waits until the health details have, or no longer have, a notice. */
const notice = (name: string, isThere: boolean) =>
  waitFor(async () => name in (await health()) === isThere && (await health()), { what: `${name}: ${isThere}` });
/** Looks twice: what one look has found is no alarm yet. */
const rounds = async (): Promise<void> => {
  const monitor = app.nest.get(ChainMonitor, { strict: false });
  await monitor.round();
  await monitor.round();
};
const held = async (): Promise<string[]> => {
  const { rows } = await app.db.pool.query<{ code: string }>('SELECT code FROM onchain_alarms ORDER BY code');
  return rows.map(({ code }) => code);
};

describe('conditions of chains', () => {
  it('a state that is behind is an alarm in the health details and a metric, until it has caught up', async () => {
    await rounds();
    expect(await held()).toEqual([]);
    await app.db.pool.query(
      `INSERT INTO onchain_blocks (chain, number, hash, parent_hash, at_ms) VALUES ($1, 15, '\\x0f', '\\x0e', $2)`,
      [chain, Date.now() - 120_000],
    );
    await app.db.pool.query('UPDATE onchain_streams SET block = 14');
    await app.nest.get(ChainMonitor, { strict: false }).round();
    expect(await held()).toEqual([]);
    await rounds();
    expect(await held()).toEqual(['delay']);
    const { onchain_base_delay: shown } = await notice('onchain_base_delay', true);
    expect(shown).toMatchObject({ status: 'degraded', message: expect.stringMatching(/12\d s behind, 6 blocks/) });
    const text = await metrics();
    expect(Number(/^onchain_processing_delay_seconds\{chain="base"\} (.+)$/m.exec(text)?.[1])).toBeGreaterThan(119);
    expect(text).toContain('onchain_blocks_left{chain="base"} 6');
    expect(text).toContain('onchain_alarm{chain="base",code="delay"} 1');
    await app.db.pool.query(`UPDATE onchain_chains SET state = 'backfilling'`);
    await rounds();
    expect(await held()).toEqual([]);
    await app.db.pool.query(`UPDATE onchain_chains SET state = 'following'`);
    await app.db.pool.query('UPDATE onchain_streams SET block = 20');
    await rounds();
    expect(await held()).toEqual([]);
    await notice('onchain_base_delay', false);
  });

  it('a log that cannot be decoded is an alarm until it is retried or skipped', async () => {
    await app.db.pool.query(
      `INSERT INTO onchain_dead_logs (chain, stream, contract, block_number, block_hash, log_index, stage, code, detail, payload, created_ms)
       VALUES ($1, 1, 1, 15, '\\x0f', 0, 'decode', 'too_short', 'too little data', '{}', 0)`,
      [chain],
    );
    await rounds();
    expect(await held()).toEqual(['dead_log']);
    expect(await metrics()).toContain('onchain_dead_logs{chain="base"} 1');
    await app.db.pool.query(`UPDATE onchain_dead_logs SET resolution = 'skipped'`);
    await rounds();
    expect(await held()).toEqual([]);
  });

  it('many failed or repeated attempts are alarms, few attempts say nothing', async () => {
    const followers = app.nest.get(FollowerMetrics, { strict: false });
    const attempts = (count: number, isFailed: boolean, isRepeated: boolean): void => {
      for (let each = 0; each < count; each += 1) followers.attempted('base', { isFailed, isRepeated });
    };
    attempts(10, true, true);
    await rounds();
    expect(await held()).toEqual([]);
    attempts(30, false, false);
    await rounds();
    expect(await held()).toEqual(['errors', 'retries']);
    attempts(80, false, false);
    await rounds();
    expect(await held()).toEqual(['errors']);
    attempts(80, false, false);
    await rounds();
    expect(await held()).toEqual([]);
  });

  it('a pool of connections that is full for long is a notice', async () => {
    const watch = app.nest.get(PoolWatch, { strict: false });
    const { pool } = app.nest.get(Database, { strict: false });
    const borrowed = await Promise.all(Array.from({ length: pool.options.max - 1 }, () => pool.connect()));
    for (let look = 0; look < 600; look += 1) watch.look();
    for (const client of borrowed) client.release();
    expect((await health())['database_pool']?.message).toMatch(/^\d+ % of the connections to PostgreSQL were in use/);
    for (let look = 0; look < 600; look += 1) watch.look();
    expect(Object.keys(await health())).not.toContain('database_pool');
    const size = Number(/^database_pool_size (\d+)$/m.exec(await metrics())?.[1]);
    expect(size).toBe(pool.options.max);
  });
});

describe('the rules of Prometheus', () => {
  const files = ['onchain', 'database'].map((name) =>
    join(import.meta.dirname, `../../docker/prometheus/rules/${name}.yml`),
  );
  const rules = files.flatMap((file) => {
    const { groups } = parse(readFileSync(file, 'utf8')) as { groups: { rules: Rule[] }[] };
    return groups.flatMap((group) => group.rules);
  });
  const rule = (name: string): Rule => rules.find(({ alert }) => alert === name)!;

  it('name alarms that exist', () => {
    const codes = rules.flatMap(({ expr }) =>
      [...expr.matchAll(/code!?[=~]+"([^"]+)"/g)].flatMap(([, list]) => list!.split('|')),
    );
    expect(codes.filter((code) => !(code in ALARM_CODES))).toEqual([]);
  });

  it('have the thresholds of the server', () => {
    const threshold = (name: string): number => Number(/> ([\d.]+)/.exec(rule(name).expr)?.[1]);
    expect(threshold('OnchainDelay')).toBe(CONDITIONS.delay.warning);
    expect(threshold('OnchainDelayLong')).toBe(CONDITIONS.delay.critical);
    expect(threshold('OnchainDeadLogs')).toBe(CONDITIONS.dead_log.warning);
    expect(threshold('OnchainErrors')).toBe(CONDITIONS.errors.warning);
    expect(threshold('OnchainRetries')).toBe(CONDITIONS.retries.warning);
    expect(threshold('DatabasePoolFull')).toBe(MAX_POOL_SHARE);
  });
});
