import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseCursor } from '../../../src/events/core/cursor.js';
import { PostedEvents } from '../../../src/events/ingest/posted-events.js';
import { PublicationWait } from '../../../src/events/ingest/publication-wait.js';
import { Clock } from '../../../src/platform/clock/clock.js';
import { RequestContext } from '../../../src/platform/request/request-context.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { createPod, type Pod } from '../capture/capture-fixture.js';

let db: TestDatabase;
let pod: Pod;
beforeAll(async () => {
  db = await createTestDatabase();
  pod = createPod(db.url);
});
afterAll(async () => {
  await pod.close();
  await db.drop();
});

it('a repeated event post returns a cursor at or after the first event, even while it is pending', async () => {
  const posts = new PostedEvents(
    pod.database,
    new Clock(),
    new RequestContext(),
    new PublicationWait(pod.log, pod.sequencer),
  );
  const post = () =>
    posts.add({ eventType: 'emission', protocol: 'aave', data: {} }, { userId: 'u', idempotencyKey: 'k' });
  const first = post();
  await expect
    .poll(async () => (await db.pool.query('SELECT FROM change_outbox')).rowCount, { timeout: 20_000 })
    .toBe(1);
  const repeated = post();
  pod.sequencer.start();
  const answers = await Promise.all([first, repeated]);
  expect(answers.map(({ created }) => created)).toEqual([true, false]);
  const [event] = await pod.log.read(0, 1, { types: ['emission'] });
  for (const { cursor } of answers) expect(parseCursor(cursor)?.seq).toBeGreaterThanOrEqual(event?.seq ?? Infinity);
});
