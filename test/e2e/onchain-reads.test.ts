import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ChainRegistry } from '../../src/onchain/config/chain-registry.js';
import { ChainSetup } from '../../src/onchain/config/setup.dto.js';
import { acquireLease } from '../../src/onchain/store/chain-lease.js';
import { ChainStore, type BlockBatch } from '../../src/onchain/store/chain-store.js';
import { reportFollower } from '../../src/onchain/store/follower-report.js';
import type { ChainEvent } from '../../src/onchain/index.js';
import { Database } from '../../src/platform/database/database.js';
import { EventLog, eventId } from '../../src/events/index.js';
import { addressOf, chainEvent, hashOf, timeOf } from '../support/data/chain-rows.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';

const NFT = addressOf(0xbb);
const MULTI = addressOf(0xcc);
const [ALICE, BOB] = [addressOf(1), addressOf(2)];

let app: TestApp;
let key: string;

// oxlint-disable-next-line typescript/no-explicit-any -- answers are compared as a whole
type Body = any;

async function get(path: string, as = key): Promise<{ status: number; body: Body }> {
  const answer = await fetch(`${app.url}${path}`, { headers: { authorization: `Bearer ${as}` } });
  return { status: answer.status, body: await answer.json() };
}

const EVENTS: ChainEvent[] = [
  chainEvent({ contract: NFT, kind: 'BatchMint', blockNumber: 10, to: ALICE, startTokenId: 100n, quantity: 50n }),
  chainEvent({ contract: NFT, kind: 'Stake', blockNumber: 11, from: ALICE, staker: ALICE, startTokenId: 120n }),
  chainEvent({
    contract: NFT,
    kind: 'BatchTransfer',
    blockNumber: 12,
    from: ALICE,
    to: BOB,
    startTokenId: 130n,
    quantity: 3n,
  }),
  chainEvent({
    contract: MULTI,
    kind: 'TransferBatch',
    blockNumber: 12,
    logIndex: 1,
    from: ALICE,
    to: BOB,
    startTokenId: null,
    quantity: null,
    tokenIds: [131n, 2n ** 256n - 1n],
    quantities: [5n, 0n],
  }),
  chainEvent({ contract: NFT, kind: 'BatchBurn', blockNumber: 13, from: BOB, startTokenId: 130n, quantity: 3n }),
];

beforeAll(async () => {
  app = await createTestApp();
  key = await app.key();
  const [registry, store, database] = [app.nest.get(ChainRegistry), app.nest.get(ChainStore), app.nest.get(Database)];
  const contracts = [
    { address: NFT, standard: 'batch', fromBlock: 5 },
    { address: MULTI, standard: 'erc1155', fromBlock: 5 },
  ];
  await registry.putChain(Object.assign(new ChainSetup(), { id: 'zeta', contracts }), 'config');
  await registry.putChain(Object.assign(new ChainSetup(), { id: 'base', contracts: [contracts[0]] }), 'config');
  for (const chain of await registry.chains()) {
    const lease = await acquireLease(database, chain.id, 'test');
    if (lease === undefined) throw new Error('no lease');
    const batch = (from: number, to: number, events: readonly ChainEvent[], branch = 'a'): BlockBatch => ({
      blocks: Array.from({ length: to - from + 1 }, (_, at) => from + at).map((number) => ({
        number,
        hash: hashOf(number, branch),
        parentHash: hashOf(number - 1),
        at: timeOf(number),
        logsBloom: '0x',
      })),
      events,
      dead: [],
      covered: { from, to },
      keys: new Map(chain.contracts.map((contract) => [contract.address, [contract]])),
      head: { number: to, hash: hashOf(to, branch), at: timeOf(to) },
      final: { number: 11, hash: hashOf(11), at: timeOf(11) },
      source: 'rpc',
    });
    await store.flush(lease, batch(5, 13, EVENTS.slice(0, 4)));
    if (chain.name === 'zeta') {
      await store.flush(
        lease,
        batch(14, 14, [chainEvent({ contract: NFT, kind: 'Unstake', blockNumber: 14, from: ALICE, staker: ALICE })]),
      );
      const work = { rollBack: async () => undefined, announce: async () => undefined };
      await store.reorg(lease, 13, batch(14, 15, [], 'b'), work);
      await reportFollower(database, chain.id, {
        endpoints: [{ url: 'https://node.example', state: 'in_use', height: 15 }],
        eventsPerSecond: 12.5,
        blocksPerSecond: 2,
      });
    }
  }
  await app.db.pool.query(
    `UPDATE onchain_streams SET block = 12, log = 0, block_hash = decode($1, 'hex') WHERE id = (SELECT min(id) FROM onchain_streams)`,
    [hashOf(12).slice(2)],
  );
  await app.db.pool.query(
    `INSERT INTO onchain_projections (stream, block, log, at) SELECT min(id), 11, 2147483647, '2026-01-01T01:00:00.250Z'::timestamptz
     FROM onchain_streams UNION ALL SELECT min(id), 12, 0, '2026-01-01T02:00:00Z' FROM onchain_streams`,
  );
  await app.db.pool.query(
    `INSERT INTO onchain_tokens (contract, token_id, owner, owner_since_ms, staker, since_ms, since_block, since_log)
     SELECT (SELECT min(id) FROM onchain_contracts), id, decode($1, 'hex'), $3, CASE WHEN id < 102 THEN decode($2, 'hex') END, $3, 10, 0
     FROM generate_series(100, 104) id`,
    [ALICE.slice(2), BOB.slice(2), timeOf(10)],
  );
  await app.db.pool.query(
    `INSERT INTO onchain_balances (contract, account, token_id, quantity, since_ms, since_block, since_log)
     SELECT c.id, decode(a, 'hex'), 131, 5, $3, 12, 1 FROM onchain_contracts c, unnest($1::text[]) a WHERE c.address = decode($2, 'hex')`,
    [[BOB.slice(2), ALICE.slice(2)], MULTI.slice(2), timeOf(12)],
  );
});
afterAll(() => app?.close());

const shortOf = ({ data }: Body): string[] =>
  data.map((row: Body) => `${row.chain} ${row.blockNumber} ${row.logIndex} ${row.kind}`);

describe('on-chain events over HTTP', () => {
  test('are listed by chain name, block and log index, on pages without repetition', async () => {
    const rows: string[] = [];
    for (let cursor = ''; ;) {
      const { status, body } = await get(`/v1/onchain/events?limit=3${cursor}`);
      expect(status).toBe(200);
      rows.push(...shortOf(body));
      if (body.page.next_cursor === null) break;
      cursor = `&cursor=${body.page.next_cursor}`;
    }
    const ofNft = ['10 0 BatchMint', '11 0 Stake', '12 0 BatchTransfer'];
    expect(rows).toEqual([
      ...ofNft.map((row) => `base ${row}`),
      ...[...ofNft, '12 1 TransferBatch'].map((row) => `zeta ${row}`),
    ]);
  });

  test('have the members of the contract', async () => {
    const { body } = await get('/v1/onchain/events?chain=zeta&fromBlock=11');
    expect(body.data[0]).toEqual({
      id: `11-${hashOf(11_000, 'c')}-0`,
      eventId: null,
      onchainId: `zeta:${hashOf(11)}:0`,
      chain: 'zeta',
      contract: NFT,
      kind: 'Stake',
      blockNumber: 11,
      blockHash: hashOf(11),
      transactionHash: hashOf(11_000, 'c'),
      transactionIndex: 0,
      logIndex: 0,
      timestamp: '2026-01-01T00:00:11.000Z',
      from: ALICE,
      to: null,
      startTokenId: '120',
      quantity: '1',
      staker: ALICE,
      status: 'final',
      processed: true,
      processedAt: '2026-01-01T01:00:00.250Z',
      error: null,
    });
    expect(body.data[1]).toMatchObject({ status: 'pending', processed: true, processedAt: '2026-01-01T02:00:00.000Z' });
    expect(body.data[2]).toMatchObject({
      startTokenId: null,
      quantity: null,
      tokenIds: ['131', `${2n ** 256n - 1n}`],
      quantities: ['5', '0'],
      processed: false,
      processedAt: null,
    });
  });

  test.each([
    ['chain=base', 3],
    ['chain=unknown', 0],
    [`contract=${MULTI.toUpperCase().replace('0X', '0x')}`, 1],
    ['type=Stake', 2],
    ['fromBlock=11&toBlock=11', 2],
    [`staker=${ALICE}&chain=zeta`, 1],
    [`staker=${BOB}`, 0],
    ['chain=zeta&tokenId=120', 2],
    ['chain=zeta&tokenId=131', 3],
    ['chain=zeta&tokenId=133', 1],
    ['chain=zeta&tokenId=150', 0],
    [`tokenId=${2n ** 256n - 1n}`, 1],
    ['processed=true', 3],
    ['processed=false', 4],
    ['processed=false&chain=zeta', 1],
    ['chain=zeta&processed=true&tokenId=131', 2],
    ['status=pending', 3],
    ['status=final', 4],
    ['status=retracted', 1],
    ['status=retracted&processed=true', 0],
    ['status=retracted&type=Stake', 0],
  ])('are filtered by %s', async (filter, count) => {
    const { status, body } = await get(`/v1/onchain/events?${filter}`);
    expect([status, body.data?.length]).toEqual([200, count]);
  });

  test('have the id of the event that announced them first', async () => {
    const onchainId = `base:${hashOf(10)}:0`;
    for (const status of ['pending', 'final']) {
      await app.db.pool.query('SELECT append_events($1::jsonb)', [
        JSON.stringify([{ type: 'onchain_event', chain: 'base', data: { onchainId, status } }]),
      ]);
    }
    const log = app.nest.get(EventLog);
    const rows = await waitFor(async () => {
      const { events } = await log.readPage(0, 10, { types: ['onchain_event'] });
      return events.length === 2 ? events : undefined;
    });
    const { body } = await get('/v1/onchain/events?chain=base&limit=1');
    expect(body.data[0].eventId).toBe(rows?.[0] && eventId(rows[0]));
  });

  test.each([
    ['type=Nonsense', '?type'],
    ['fromBlock=-1', '?fromBlock'],
    ['fromBlock=9007199254740993', '?fromBlock'],
    [`tokenId=${2n ** 256n}`, '?tokenId'],
    ['tokenId=1e3', '?tokenId'],
    ['staker=0x12', '?staker'],
    ['processed=maybe', '?processed'],
    ['status=confirmed', '?status'],
    ['color=red', '?color'],
    ['cursor=abc', '?cursor'],
  ])('are refused for %s', async (filter, pointer) => {
    const { status, body } = await get(`/v1/onchain/events?${filter}`);
    expect([status, body.code, body.errors?.[0]?.pointer]).toEqual([400, 'invalid_request', pointer]);
  });

  test('are sent as CSV with a column for each member', async () => {
    const answer = await fetch(`${app.url}/v1/onchain/events?chain=base&limit=1`, {
      headers: { authorization: `Bearer ${key}`, accept: 'text/csv' },
    });
    expect(await answer.text()).toMatch(/^id,eventId,onchainId,chain,contract,kind,/);
    expect((await fetch(`${app.url}/v1/onchain/events`)).status).toBe(401);
  });
});

describe('tokens over HTTP', () => {
  test('are listed once for an account that owns or stakes them, balances last', async () => {
    const seen: string[] = [];
    for (let cursor = ''; ;) {
      const { body } = await get(`/v1/onchain/tokens?account=${ALICE}&limit=2${cursor}`);
      seen.push(...body.data.map((row: Body) => `${row.tokenId} ${row.quantity}`));
      if (body.page.next_cursor === null) break;
      cursor = `&cursor=${body.page.next_cursor}`;
    }
    expect(seen).toEqual(['100 1', '101 1', '102 1', '103 1', '104 1', '131 5']);
    const { body } = await get(`/v1/onchain/tokens?account=${BOB}`);
    expect(body.data).toEqual([
      {
        chain: 'zeta',
        contract: NFT,
        tokenId: '100',
        owner: ALICE,
        staker: BOB,
        quantity: '1',
        since: '2026-01-01T00:00:10.000Z',
      },
      {
        chain: 'zeta',
        contract: NFT,
        tokenId: '101',
        owner: ALICE,
        staker: BOB,
        quantity: '1',
        since: '2026-01-01T00:00:10.000Z',
      },
      {
        chain: 'zeta',
        contract: MULTI,
        tokenId: '131',
        owner: BOB,
        staker: null,
        quantity: '5',
        since: '2026-01-01T00:00:12.000Z',
      },
    ]);
  });

  test('of one contract are listed for all accounts', async () => {
    const owners: string[] = [];
    for (let cursor = ''; ;) {
      const { body } = await get(`/v1/onchain/tokens?contract=${MULTI}&limit=1${cursor}`);
      owners.push(...body.data.map(({ owner }: Body) => owner));
      if (body.page.next_cursor === null) break;
      cursor = `&cursor=${body.page.next_cursor}`;
    }
    expect(owners).toEqual([ALICE, BOB]);
    expect((await get(`/v1/onchain/tokens?contract=${NFT}&chain=base`)).body.data).toEqual([]);
    expect((await get('/v1/onchain/tokens?account=alice')).status).toBe(400);
  });
});

describe('the state of chains over HTTP', () => {
  test('has head, final and projected block, rates, endpoints and alarms', async () => {
    await app.db.pool.query(
      `INSERT INTO onchain_alarms VALUES ('zeta', 'gap', 'blocks 5 to 9 are missing', '2026-01-01T00:00:00Z')`,
    );
    const { body } = await get('/v1/onchain/status');
    expect(body.data.map(({ chain }: Body) => chain)).toEqual(['base', 'zeta']);
    expect(body.data[1]).toEqual({
      chain: 'zeta',
      state: 'backfilling',
      head: { number: 15, hash: hashOf(15, 'b') },
      finalized: { number: 11, hash: hashOf(11) },
      projected: { number: 4, hash: null },
      eventsPerSecond: 12.5,
      blocksLeft: 11,
      etaSeconds: 6,
      endpoints: [{ url: 'https://node.example', state: 'in_use', height: 15 }],
      alarms: [{ code: 'gap', detail: 'blocks 5 to 9 are missing', since: '2026-01-01T00:00:00.000Z' }],
    });
  });

  test('has the ranges of blocks that are not stored', async () => {
    await app.db.pool.query(
      `UPDATE onchain_contracts SET covered = '{[5,8),[10,12)}' WHERE address = decode($1, 'hex')`,
      [MULTI.slice(2)],
    );
    const { body } = await get('/v1/onchain/gaps?chain=zeta');
    expect(body.data).toEqual([
      {
        chain: 'zeta',
        contract: MULTI,
        fromBlock: 8,
        toBlock: 9,
        since: '2026-01-01T00:00:08.000Z',
        reason: 'missing',
      },
      {
        chain: 'zeta',
        contract: MULTI,
        fromBlock: 12,
        toBlock: 15,
        since: '2026-01-01T00:00:12.000Z',
        reason: 'backfill',
      },
    ]);
    expect((await get('/v1/onchain/gaps?chain=base')).body.data).toEqual([]);
  });
});
