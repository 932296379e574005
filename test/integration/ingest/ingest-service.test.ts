import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseCursor } from '../../../src/events/core/cursor.js';
import type { IngestGate } from '../../../src/events/ingest/ingest-gate.js';
import { IngestService } from '../../../src/events/ingest/ingest.service.js';
import { PRICE_ITEMS } from '../../../src/events/ingest/item-kinds.js';
import { PublicationWait } from '../../../src/events/ingest/publication-wait.js';
import { Clock } from '../../../src/platform/clock/clock.js';
import { DomainError } from '../../../src/platform/errors/domain-error.js';
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

const openGate = { check: () => Promise.resolve() } as unknown as IngestGate;

const ingest = (gate: IngestGate): IngestService =>
  new IngestService(
    pod.database,
    new Clock(),
    new RequestContext(),
    gate,
    new PublicationWait(pod.log, pod.sequencer),
    new Metrics(),
  );

it('ends a stream when the gate closes while it lasts, and keeps what came before', async () => {
  const closed = new DomainError('unavailable', 'The event log is 11 s behind.');
  const answers = [undefined, undefined, closed];
  const gate = { check: () => (answers[0] ? Promise.reject(answers[0]) : Promise.resolve(answers.shift())) };
  const batches = stream([[{ token: 'before', price: 1 }], [{ token: 'after', price: 1 }]]);
  const answer = ingest(gate as unknown as IngestGate).ingest(PRICE_ITEMS, batches);
  await expect(answer).rejects.toBe(closed);
  expect((await db.pool.query('SELECT token FROM token_prices')).rows).toEqual([{ token: 'before' }]);
  await db.pool.query('DELETE FROM change_outbox');
});

it('a stream answers with a position behind what its first batch published, although its last one published nothing', async () => {
  const service = ingest(openGate);
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
