import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseCursor } from '../../../src/events/core/cursor.js';
import { IngestService } from '../../../src/events/ingest/ingest.service.js';
import { PRICE_ITEMS } from '../../../src/events/ingest/item-kinds.js';
import { PublicationWait } from '../../../src/events/ingest/publication-wait.js';
import { Clock } from '../../../src/platform/clock/clock.js';
import { RequestContext } from '../../../src/platform/http/request-context.js';
import { Metrics } from '../../../src/platform/metrics/metrics.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';
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

async function* stream(batches: unknown[][]): AsyncGenerator<unknown[]> {
  yield* batches;
}

it('a stream answers with a position behind what its first batch published, although its last one published nothing', async () => {
  const service = new IngestService(
    pod.database,
    new Clock(),
    new RequestContext(),
    new PublicationWait(pod.log, pod.sequencer),
    new Metrics(),
  );
  const same = [{ token: 'streamed', price: 7 }];
  const answer = service.ingest(PRICE_ITEMS, stream([same, same, same]));
  await expect
    .poll(async () => (await db.pool.query('SELECT FROM change_outbox')).rowCount, { timeout: 20_000 })
    .toBe(1);
  const early = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 500, 'waits'))]);
  expect(early).toBe('waits');
  pod.sequencer.start();
  const { accepted, cursor } = await answer;
  expect(accepted).toBe(3);
  const [event] = await pod.log.read(0, 1, { types: ['price_baseline'] });
  expect(parseCursor(cursor)?.seq).toBeGreaterThanOrEqual(event?.seq ?? Infinity);
});
