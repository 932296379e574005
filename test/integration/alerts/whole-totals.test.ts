import { afterAll, beforeAll, expect, it } from 'vitest';
import { editsApplied, logEvaluated, shardsReady } from '../../support/servers/alert-shards.js';
import { createTestApp, type TestApp } from '../../support/servers/create-test-app.js';
import { RestCaller } from '../../support/clients/rest-caller.js';

let app: TestApp;
let alice: RestCaller;
let writer: RestCaller;

beforeAll(async () => {
  app = await createTestApp();
  alice = await RestCaller.of(app, 'alice');
  writer = await RestCaller.of(app, 'writer', { role: 'writer' });
  await shardsReady(app);
});
afterAll(() => app?.close());

const write = async (values: Record<string, number>): Promise<void> => {
  const items = Object.entries(values).map(([chain, tvl]) => ({ protocol: 'aave-v3', chain, tvl }));
  expect(await writer.post('/v1/ingest/tvl', { items })).toMatchObject({
    status: 200,
    body: { accepted: items.length },
  });
};

it('alerts about a total see the chains of one request together, never the sum of some of them', async () => {
  const about = { protocol: 'aave-v3', metric: 'tvl' };
  for (const condition of [
    { ...about, operator: 'lt', threshold: 180 },
    { ...about, operator: 'change_pct', threshold: 0.05 },
  ]) {
    await alice.rule({ name: condition.operator, conditions: [condition], throttleMinutes: 0 });
  }
  await editsApplied(app.db.pool);
  // New chains, a transfer between them, a rise of 6 % that each chain has half of, and a fall.
  for (const [arbitrum, ethereum] of [
    [100, 100],
    [150, 50],
    [156, 56],
    [100, 50],
  ] as const) {
    await write({ arbitrum, ethereum });
    await logEvaluated(app.db.pool);
  }
  const { body } = await alice.get('/v1/alerts/history?limit=100');
  const seen = body.data.map(({ name, value, message }: Record<string, unknown>) => [name, message ?? value]);
  expect(
    seen.map(([name, message]: string[]) => `${name} ${/to \$\d+|is \$\d+/.exec(message ?? '')?.[0]}`).toSorted(),
  ).toEqual(['change_pct to $150', 'change_pct to $212', 'lt is $150']);
});
