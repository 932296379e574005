import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { PlainClient, type Message } from '../support/clients/plain-client.js';
import { waitFor } from '../support/wait-for.js';

let app: TestApp;
let key: string;
let market: MarketWriter;

beforeAll(async () => {
  app = await createTestApp();
  key = await app.key();
  market = new MarketWriter(app.db.pool);
});

afterAll(() => app.close());

const connect = (): Promise<PlainClient> => PlainClient.connect(app.url, key);

describe('resuming on a WebSocket', () => {
  it('sends the missed events before the confirmation and live events afterwards', async () => {
    await market.price('resume-coin', 100);
    const filters = { tokenIds: ['resume-coin'] };
    const first = await connect();
    const { cursor } = await first.ask({ type: 'subscribe', channels: ['prices'], filters }, 'subscription_result');
    await first.close();
    const witness = await connect();
    await witness.ask({ type: 'subscribe', channels: ['prices'], filters }, 'subscription_result');
    for (const price of [110, 120, 130]) await market.price('resume-coin', price);
    await waitFor(() => witness.named('price_update').length === 3);
    const second = await connect();
    second.send({ type: 'subscribe', channels: ['prices'], filters, since: cursor });
    expect(await second.next('subscription_result')).toMatchObject({ recovered: true, replayed: 3 });
    await market.price('resume-coin', 140);
    await waitFor(() => second.named('price_update').length === 4);
    const types = second.messages.map(({ type }) => type);
    expect(types).toEqual(['connected', ...Array(3).fill('price_update'), 'subscription_result', 'price_update']);
    const prices = second.named('price_update').map(({ data }) => (data as Message)['price']);
    expect(prices).toEqual([110, 120, 130, 140]);
    expect([...witness.faults, ...second.faults]).toEqual([]);
  });

  it('reports that a cursor of another log cannot be resumed', async () => {
    const client = await connect();
    const answer = await client.ask(
      { type: 'subscribe', channels: ['prices'], since: 'zzzz-00000000001' },
      'subscription_result',
    );
    expect(answer).toMatchObject({ recovered: false, reason: 'epoch' });
  });
});
