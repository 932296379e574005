import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DeliveryClaims, type Claim } from '../../../src/notifications/deliveries/delivery-claims.js';
import { NotificationFixture } from './notification-fixture.js';

let fixture: NotificationFixture;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'claims-'));
  fixture = await NotificationFixture.start({ VERIFY_TARGETS: 'false', DATA_DIR: directory });
});
afterAll(async () => {
  await fixture.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Recorded and not announced: for some seconds they are nobody's but the test's. */
const recorded = (target: string, count: number, digest: boolean): Promise<string[]> =>
  fixture.record(Array.from({ length: count }, () => ({ channel: 'email' as const, target, digest })));
const claim = (id: string): Promise<Claim> => fixture.app.nest.get(DeliveryClaims).claim(id, 'main');
const change = (id: string, set: string): Promise<unknown> =>
  fixture.app.db.pool.query(`UPDATE deliveries SET ${set} WHERE id = $1`, [id]);

describe('a claim', () => {
  it('is given to one of those who ask together', async () => {
    const target = await fixture.claim('email', 'once@example.com');
    const [id = ''] = await recorded(target, 1, false);
    const claims = await Promise.all([claim(id), claim(id), claim(id)]);
    expect(claims.map((each) => (typeof each === 'string' ? each : each.id))).toEqual([id, 'done', 'done']);
    expect(await fixture.row(id)).toMatchObject({ state: 'sending', attempts: 1 });
  });

  it('of a digest whose first message has expired leaves the others to those who send them', async () => {
    const target = await fixture.claim('email', 'late@example.com');
    const [late = '', first = '', second = ''] = await recorded(target, 3, true);
    await change(late, `expires_at = now() - interval '1 second'`);
    expect(await claim(late)).toBe('done');
    expect(await fixture.row(late)).toMatchObject({ state: 'expired' });
    expect(await fixture.row(first)).toMatchObject({ state: 'pending', attempts: 0 });
    expect(await claim(first)).toMatchObject({ id: first, members: [{ id: second }] });
  });
});
