import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AccessEvents, AccessService, UsageLimits, type Caller } from '../../../src/access/index.js';
import { KeyDirectory } from '../../../src/access/keys/key-directory.js';
import { createTestApp, type TestApp } from '../../support/servers/create-test-app.js';
import { waitFor } from '../../support/wait-for.js';

let app: TestApp;
let access: AccessService;
let limits: UsageLimits;
const ended: [string, string][] = [];
const changed: Caller[] = [];

beforeAll(async () => {
  app = await createTestApp();
  access = app.nest.get(AccessService);
  limits = app.nest.get(UsageLimits);
  app.nest.get(AccessEvents).onEnded((keyId, reason) => ended.push([keyId, reason]));
  app.nest.get(AccessEvents).onChanged((_, caller) => changed.push(caller));
});
afterAll(() => app.close());

/** Returns the caller of a new key, with one open connection. */
async function connected(id: string): Promise<Caller> {
  const caller = await access.authenticate({ secret: await app.key(), transport: 'websocket', address: '192.0.2.1' });
  await limits.openConnection(caller, id, { resuming: false });
  return caller;
}
const endReason = (keyId: string) => waitFor(() => ended.find(([id]) => id === keyId)?.[1], { timeoutMs: 20_000 });

describe.concurrent('a key in use', () => {
  it.each([
    ['revoked', 'UPDATE api_keys SET revoked_at = now() WHERE id = $1'],
    ['expired', 'UPDATE api_keys SET expires_at = now() WHERE id = $1'],
  ])('is reported as %s after a change by SQL', async (reason, change) => {
    const { keyId } = await connected(`sql ${change}`);
    await app.db.pool.query(change, [keyId]);
    expect(await endReason(keyId)).toBe(reason);
  });

  it.each([
    ['role', `UPDATE api_keys SET role = 'writer' WHERE id = $1`, { role: 'writer' }],
    ['limits', `UPDATE api_keys SET limits = '{"messages": 1}' WHERE id = $1`, { limits: { messages: 1 } }],
  ])('is reported exactly once after its %s changed by SQL', async (_, change, expected) => {
    const { keyId } = await connected(`sql ${change}`);
    await app.db.pool.query(change, [keyId]);
    const of = () => changed.filter((caller) => caller.keyId === keyId);
    await waitFor(() => of().length > 0, { timeoutMs: 20_000 });
    const { keyId: witness } = await connected(`witness of ${change}`);
    await app.db.pool.query('UPDATE api_keys SET revoked_at = now() WHERE id = $1', [witness]);
    await endReason(witness);
    expect(of()).toHaveLength(1);
    expect(of()[0]).toMatchObject(expected);
    expect(ended.filter(([id]) => id === keyId)).toEqual([]);
  });

  it('is reported as revoked after its row was deleted', async () => {
    const { keyId } = await connected('deleted');
    await app.db.pool.query('DELETE FROM api_keys WHERE id = $1', [keyId]);
    expect(await endReason(keyId)).toBe('revoked');
  });

  it('is reported as revoked after a `DELETE` request until its last connection is closed', async () => {
    const caller = await connected('api');
    const headers = { authorization: `Bearer ${app.adminKey}` };
    await fetch(`${app.url}/v1/admin/api-keys/${caller.keyId}`, { method: 'DELETE', headers });
    expect(await endReason(caller.keyId)).toBe('revoked');
    limits.closeConnection(caller, 'api');
    const before = ended.filter(([id]) => id === caller.keyId).length;
    const { keyId: witness } = await connected('witness of api');
    await app.db.pool.query('UPDATE api_keys SET revoked_at = now() WHERE id = $1', [witness]);
    await endReason(witness);
    expect(ended.filter(([id]) => id === caller.keyId)).toHaveLength(before);
  });

  it('is not reported when only its name or expiry changed', async () => {
    const { keyId } = await connected('quiet');
    const { keyId: other } = await connected('witness');
    await app.db.pool.query(`UPDATE api_keys SET name = 'x', expires_at = now() + interval '1 h' WHERE id = $1`, [
      keyId,
    ]);
    await app.db.pool.query('UPDATE api_keys SET revoked_at = now() WHERE id = $1', [other]);
    expect(await endReason(other)).toBe('revoked');
    expect(ended.filter(([id]) => id === keyId)).toEqual([]);
  });

  it('is reported to all listeners even if one listener throws, and to none that unsubscribed', async () => {
    const events = app.nest.get(AccessEvents);
    const seen: string[] = [];
    const stop = events.onEnded(() => {
      throw new Error('boom');
    });
    const stopOther = events.onEnded((id) => seen.push(id));
    events.ended('x', 'revoked');
    stop();
    stopOther();
    events.ended('y', 'revoked');
    expect(seen).toEqual(['x']);
  });
});

describe('the key directory', () => {
  it('shares one result among lookups of a key, and reads 5,000 unknown keys over 4 connections', async () => {
    const directory = app.nest.get(KeyDirectory);
    const key = await app.key();
    const id = key.split('_')[1]!;
    const found = await Promise.all(Array.from({ length: 500 }, () => directory.find(id)));
    expect(new Set(found).size).toBe(1);
    expect(found[0]?.id).toBe(id);
    const progress = { isDone: false };
    const lookups = Array.from({ length: 5_000 }, (_, n) => directory.find(`ghost${n}`));
    const all = Promise.all(lookups).finally(() => (progress.isDone = true));
    const reading: number[] = [];
    while (!progress.isDone) {
      const { rows } = await app.db.pool.query(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'
           AND application_name = 'defi-realtime' AND query LIKE '%FROM "api_keys"%'`,
      );
      reading.push(rows[0].n);
    }
    await all;
    expect(Math.max(...reading)).toBeLessThanOrEqual(4);
  });

  it('refuses lookups beyond its queue with `unavailable`, and finds keys again afterwards', async () => {
    const directory = app.nest.get(KeyDirectory);
    const flood = await Promise.allSettled(Array.from({ length: 13_000 }, (_, n) => directory.find(`flood${n}`)));
    const refused = flood.filter((result) => result.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.every((result) => result.reason.code === 'unavailable')).toBe(true);
    expect(await directory.find('testadmin')).toBeDefined();
  });
});
