import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCursor } from '../../../src/events/core/cursor.js';
import type { LogEvent } from '../../../src/events/core/log-event.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { waitFor } from '../../support/wait-for.js';
import { createPod, settle, type Pod } from './capture-fixture.js';

let db: TestDatabase;
let pod: Pod;
const seen: LogEvent[] = [];
const epochs: string[] = [];

beforeAll(async () => {
  db = await createTestDatabase();
  pod = createPod(db.url);
  await pod.feed.start();
  pod.feed.subscribe((batch) => seen.push(...batch));
  pod.feed.onEpochChange((epoch) => epochs.push(epoch));
  pod.sequencer.start();
  await append(20);
  await settle(pod);
});

afterAll(async () => {
  await pod.close();
  await db.drop();
});

const append = (count: number): Promise<unknown> =>
  db.pool.query(
    `SELECT append_events(jsonb_agg(jsonb_build_object('type', 'governance'))) FROM generate_series(1, $1)`,
    [count],
  );

const lead = async (epoch: string | null = null, seq = 0): Promise<void> => {
  const client = await pod.database.connect();
  await client.query(`UPDATE log_head SET lease_until = '-infinity'`);
  await client.query('SELECT acquire_log_lease($1, 1000, $2, $3)', ['test', epoch, seq]);
  await client.query(`UPDATE log_head SET lease_until = '-infinity'`);
  await client.end();
};

describe('invariant 4: the epoch of the log', () => {
  it('is kept over restarts of the leader', async () => {
    const { epoch } = await pod.log.bounds();
    await lead();
    await lead(epoch, 5);
    expect((await pod.log.bounds()).epoch).toBe(epoch);
    expect(parseCursor(pod.feed.cursor())?.epoch).toBe(epoch);
  });

  it.each([
    ['the system identifier of the database differs', `UPDATE log_head SET system_identifier = '1'`],
    ['the timeline of the database differs', `UPDATE log_head SET timeline = '00000099' || substr(timeline, 9)`],
    [
      'a dump of the log was restored into new tables',
      // As if the row had been written by another table: the one that was dumped.
      `UPDATE log_head SET timeline = replace(timeline, 'log_head'::regclass::oid::text, 'event_log'::regclass::oid::text)`,
    ],
  ])('changes when %s', async (_, sql) => {
    const before = await pod.log.bounds();
    await db.pool.query(sql);
    await lead();
    const after = await pod.log.bounds();
    expect(after.epoch).not.toBe(before.epoch);
    expect(after.epochStartSeq).toBeGreaterThanOrEqual(before.headSeq);
    await waitFor(() => epochs.at(-1) === after.epoch);
  });

  it('changes when the leader knows a higher position of the same epoch than the log has', async () => {
    const { epoch, headSeq } = await pod.log.bounds();
    await lead('another', headSeq + 100);
    expect((await pod.log.bounds()).epoch).toBe(epoch);
    await lead(epoch, headSeq + 100);
    expect((await pod.log.bounds()).epoch).not.toBe(epoch);
  });

  it('can change without a gap or a repetition for a running feed', async () => {
    await waitFor(() => pod.sequencer.leading);
    await append(3);
    await settle(pod);
    const { rows } = await db.pool.query<{ epoch: string }>('SELECT new_log_epoch() AS epoch');
    await append(3);
    await settle(pod);
    expect(pod.feed.epoch).toBe(rows[0]?.epoch);
    expect(seen.map((event) => event.seq)).toEqual(seen.map((_, index) => (seen[0]?.seq ?? 0) + index));
    expect(seen.at(-1)).toMatchObject({ epoch: rows[0]?.epoch });
  });

  it('changes when the log lost its end, and the feed of a pod continues from the new end', async () => {
    await pod.sequencer.stop();
    await append(5);
    await lead();
    const before = await pod.log.bounds();
    const { position } = pod.feed;
    await db.pool.query('DELETE FROM event_log WHERE seq > $1', [position - 4]);
    await db.pool.query('UPDATE log_head SET seq = 0');
    await waitFor(() => pod.feed.epoch !== before.epoch, { what: 'a new epoch' });
    expect(pod.feed.position).toBe(position - 4);
    const successor = createPod(db.url);
    await successor.feed.start();
    successor.sequencer.start();
    await settle(successor);
    await waitFor(() => pod.feed.position === successor.feed.position);
    expect(seen.at(-1)).toMatchObject({ type: expect.stringMatching(/governance|tick/), epoch: pod.feed.epoch });
    await successor.close();
  });
});
