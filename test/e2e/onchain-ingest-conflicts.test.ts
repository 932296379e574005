import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addressOf, hashOf } from '../support/data/chain-rows.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';

const [NFT, OTHER] = [addressOf(0xbb), addressOf(0xbc)];
const ALICE = addressOf(1);
/** Unix seconds of block 0: events that are older when they are read are not announced. */
const START = Math.floor(Date.now() / 1_000) - 600;

let app: TestApp;
let reader: string;
let writer: string;
let chains = 0;

// oxlint-disable-next-line typescript/no-explicit-any -- answers are compared as a whole
type Body = any;

beforeAll(async () => {
  app = await createTestApp();
  [reader, writer] = await Promise.all([app.key(), app.key({ role: 'writer' })]);
});
afterAll(() => app?.close());

async function call(key: string, path: string, body?: object): Promise<{ status: number; body: Body }> {
  const answer = await fetch(`${app.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
}
const post = async (...items: object[]): Promise<Body> => (await call(writer, '/v1/onchain/events', { items })).body;
const codes = ({ accepted, rejected }: Body): string[] => [
  `${accepted} accepted`,
  ...rejected.map(({ index, code }: Body) => `${index} ${code}`),
];

/** Adds a chain without endpoints; its blocks are final five blocks below the newest. */
async function addChain(): Promise<string> {
  const id = `conflicting${++chains}`;
  const contracts = [NFT, OTHER].map((address) => ({ address, standard: 'batch', fromBlock: 1 }));
  await call(app.adminKey, '/v1/admin/onchain/chains', { id, endpoints: [], finality: { depth: 5 }, contracts });
  return id;
}

/** Mints the token `first` in a block. */
const mint = (chain: string, blockNumber: number, first: number | string, members: object = {}): object => ({
  chain,
  contract: NFT,
  type: 'BatchMint',
  startTokenId: first,
  quantity: 1,
  to: ALICE,
  timestamp: START + Math.min(blockNumber, 600),
  blockNumber,
  blockHash: hashOf(blockNumber),
  transactionHash: hashOf(blockNumber, 'c'),
  logIndex: 0,
  ...members,
});

/** Tokens of a chain: what was projected. */
const tokens = async (chain: string): Promise<string[]> =>
  (await call(reader, `/v1/onchain/tokens?chain=${chain}`)).body.data.map(({ tokenId }: Body) => tokenId);
/** Events of a chain that are said to be in the state. */
const processed = async (chain: string): Promise<string[]> =>
  (await call(reader, `/v1/onchain/events?chain=${chain}&processed=true`)).body.data.map(
    ({ startTokenId }: Body) => startTokenId,
  );

describe('posted events that contradict what is stored', () => {
  test('are rejected if another event has their log index, and the first one stays', async () => {
    const chain = await addChain();
    expect(codes(await post(mint(chain, 10, 1), mint(chain, 10, 2), mint(chain, 10, 3, { contract: OTHER })))).toEqual([
      '1 accepted',
      '1 conflict',
      '2 conflict',
    ]);
    expect(codes(await post(mint(chain, 10, 2)))).toEqual(['0 accepted', '0 conflict']);
    expect(codes(await post(mint(chain, 10, 1)))).toEqual(['1 accepted']);
    expect(await tokens(chain)).toEqual(['1']);
  });

  test('are rejected if their block hash is that of a block of another number', async () => {
    const chain = await addChain();
    const twice = { blockHash: hashOf(10) };
    expect(codes(await post(mint(chain, 10, 1), mint(chain, 11, 2, twice)))).toEqual(['1 accepted', '1 conflict']);
    const waiting = mint(chain, 12, 3, { blockHash: undefined });
    expect(codes(await post(waiting))).toEqual(['1 accepted']);
    expect(codes(await post(mint(chain, 12, 4, { ...twice, logIndex: 1 })))).toEqual(['0 accepted', '0 conflict']);
    expect(codes(await post(mint(chain, 12, 5, { logIndex: 2 })))).toEqual(['1 accepted']);
    expect(await tokens(chain)).toEqual(['1', '3', '5']);
  });

  test('with a mistyped number can be retracted and posted with the right one', async () => {
    const chain = await addChain();
    const hash = { blockHash: hashOf(11) };
    await post(mint(chain, 10, 1), mint(chain, 12, 2, hash));
    expect(codes(await post(mint(chain, 11, 2, hash)))).toEqual(['0 accepted', '0 conflict']);
    expect(codes(await post(mint(chain, 12, 2, { ...hash, removed: true })))).toEqual(['1 accepted']);
    expect(codes(await post(mint(chain, 11, 2, hash), mint(chain, 12, 3)))).toEqual(['2 accepted']);
    expect(await tokens(chain)).toEqual(['1', '2', '3']);
  });

  test('in blocks far apart are found again without the events between them', async () => {
    const chain = await addChain();
    await post(mint(chain, 1, 1), mint(chain, 2_000, 2), mint(chain, 5_000_000, 3));
    expect(codes(await post(mint(chain, 5_000_000, 3)))).toEqual(['1 accepted']);
    const fork = [mint(chain, 5_000_000, 4, { blockHash: hashOf(5_000_000, 'b') }), mint(chain, 1, 1)];
    expect(codes(await post(...fork))).toEqual(['2 accepted']);
    expect(codes(await post(mint(chain, 5_000_000, 3), mint(chain, 2_000, 2)))).toEqual(['2 accepted']);
    expect(await tokens(chain)).toEqual(['1', '2', '3']);
  });

  test('beside a fork are added to the blocks that stay', async () => {
    const chain = await addChain();
    await post(mint(chain, 1, 1), mint(chain, 8, 8), mint(chain, 10, 10));
    const late = mint(chain, 8, 80, { logIndex: 4 });
    const answer = await post(
      mint(chain, 10, 20, { blockHash: hashOf(10, 'b') }),
      late,
      mint(chain, 1, 90, { logIndex: 4 }),
    );
    expect(codes(answer)).toEqual(['2 accepted', '2 out_of_order']);
    expect(await tokens(chain)).toEqual(['1', '8', '20', '80']);
    expect(await processed(chain)).toEqual(['1', '8', '80', '20']);
  });

  test('of an empty stretch behind final events replace what follows', async () => {
    const chain = await addChain();
    await post(mint(chain, 1, 1), mint(chain, 20, 20));
    expect(codes(await post(mint(chain, 18, 18)))).toEqual(['1 accepted']);
    expect(codes(await post(mint(chain, 17, 17, { blockHash: hashOf(17, 'b') })))).toEqual(['1 accepted']);
    expect(codes(await post(mint(chain, 18, 19, { blockHash: hashOf(18, 'b') })))).toEqual(['1 accepted']);
    expect(await tokens(chain)).toEqual(['1', '17', '19']);
  });

  test('that are retracted before their block is known never come', async () => {
    const chain = await addChain();
    const unplaced = mint(chain, 10, 1, { blockHash: undefined });
    await post(unplaced);
    expect(codes(await post({ ...unplaced, removed: true }))).toEqual(['1 accepted']);
    await post(mint(chain, 11, 3, { blockHash: undefined, removed: true }));
    await post(mint(chain, 10, 5, { logIndex: 3 }), mint(chain, 11, 6, { logIndex: 3 }));
    expect(await tokens(chain)).toEqual(['5', '6']);
  });

  test('without a block hash are too late in a final block, unless they are stored', async () => {
    const chain = await addChain();
    await post(mint(chain, 1, 1), mint(chain, 8, 8), mint(chain, 20, 20));
    const inFinal = (first: number, members: object = {}): object =>
      mint(chain, 1, first, { blockHash: undefined, ...members });
    expect(codes(await post(inFinal(1), inFinal(2, { logIndex: 7 })))).toEqual(['1 accepted', '1 out_of_order']);
    const between = mint(chain, 5, 5, { blockHash: undefined });
    expect(codes(await post(between))).toEqual(['0 accepted', '0 out_of_order']);
  });

  test('wait for their block whatever texts their ignored members have', async () => {
    const chain = await addChain();
    const waiting = mint(chain, 10, 1, { blockHash: undefined, id: '\u0000', error: '\ud800', logIndex: 1 });
    expect(codes(await post(waiting))).toEqual(['1 accepted']);
    await post(mint(chain, 10, 2));
    expect(await tokens(chain)).toEqual(['1', '2']);
  });

  test('end below the highest token id, and are not of the coming days', async () => {
    const chain = await addChain();
    const highest = `${2n ** 256n - 1n}`;
    const tomorrow = Math.floor(Date.now() / 1_000) + 90_000;
    const answer = await post(
      mint(chain, 10, highest),
      mint(chain, 11, highest, { quantity: 2 }),
      mint(chain, 12, 1, { timestamp: tomorrow }),
      mint(chain, 12, 1, { timestamp: tomorrow - 14_400 }),
    );
    expect(codes(answer)).toEqual(['2 accepted', '1 out_of_range', '2 in_future']);
    expect(await tokens(chain)).toEqual(['1', highest]);
  });

  test('to nobody are burns, as they are when an endpoint gives them', async () => {
    const chain = await addChain();
    const burn = { type: 'BatchTransfer', from: ALICE, to: addressOf(0) };
    await post(mint(chain, 10, 1), mint(chain, 11, 1, burn));
    expect(await tokens(chain)).toEqual([]);
    const { body } = await call(reader, `/v1/onchain/events?chain=${chain}&type=BatchTransfer`);
    expect(body.data).toMatchObject([{ from: ALICE, to: null, error: null }]);
  });

  test('of a mistyped block are taken back without a trace', async () => {
    const chain = await addChain();
    const mistyped = mint(chain, 9_000_000, 9);
    await post(mint(chain, 10, 1));
    await post(mistyped);
    await post({ ...mistyped, removed: true });
    await post(mint(chain, 11, 2), mint(chain, 12, 3));
    expect((await call(reader, `/v1/points/${ALICE}`)).body.as_of.chains[chain]).toBe(12);
    expect(codes(await post(mint(chain, 11, 5, { blockHash: hashOf(11, 'b') })))).toEqual(['1 accepted']);
    expect(await tokens(chain)).toEqual(['1', '5']);
  });

  test('fork a chain at most a hundred times in one request', async () => {
    const chain = await addChain();
    const items = Array.from({ length: 105 }, (_, at) =>
      mint(chain, 10, at, { blockHash: hashOf(10, at % 2 === 0 ? 'a' : 'b'), logIndex: at }),
    );
    const answer = await post(...items);
    expect([answer.accepted, answer.rejected[0]?.code]).toEqual([101 + 2, 'limit_exceeded']);
    expect((await tokens(chain)).length).toBeGreaterThan(0);
  });
});

test('one of several administrators who add the same chain at once adds it', async () => {
  const answers = await Promise.all(
    [1, 2, 3].map((startBlock) => call(app.adminKey, '/v1/admin/onchain/chains', { id: 'disputed', startBlock })),
  );
  expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([201, 409, 409]);
});
