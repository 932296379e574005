import { afterAll, beforeAll, expect, test } from 'vitest';
import { addressOf, hashOf } from '../support/data/chain-rows.js';
import { FedHistory, type Posted } from '../support/oracles/fed-history.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';

const ACCOUNTS = [1, 2, 3].map(addressOf);
const CONTRACTS = [addressOf(0xbb), addressOf(0xbc)];
const DEPTH = 8;
const START = Math.floor(Date.now() / 1_000) - 3_600;
/** Seeds of which earlier versions lost events, or counted points of times that go back. */
const SEEDS = process.env['SEEDS']?.split(',').map(Number) ?? [2, 102, 107, 207];

let app: TestApp;
let [reader, writer] = ['', ''];
// oxlint-disable-next-line typescript/no-explicit-any -- answers are compared as a whole
type Body = any;

beforeAll(async () => {
  app = await createTestApp();
  [reader, writer] = await Promise.all([app.key(), app.key({ role: 'writer' })]);
});
afterAll(() => app?.close());

async function call(key: string, path: string, body?: object): Promise<Body> {
  const answer = await fetch(`${app.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return answer.json();
}

/** Numbers below a bound, the same for every run of a seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Requests of a careless writer: repetitions, late events, forks, retractions, times that go back. */
function request(random: (below: number) => number, history: FedHistory, round: number): Posted[] {
  const head = history.head;
  const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
  const event = (block: number, hash: string, log = random(6)): Posted => {
    const type = pick(['BatchMint', 'BatchMint', 'BatchTransfer', 'BatchBurn', 'Stake', 'Stake', 'Unstake']);
    return {
      type,
      contract: pick(CONTRACTS),
      blockNumber: block,
      blockHash: hash,
      transactionHash: hashOf(block * 10 + log, 'c'),
      logIndex: log,
      timestamp: START + history.timeOf(block, hash, random),
      first: BigInt(random(8)),
      quantity: type.startsWith('Batch') ? BigInt(random(4)) : 1n,
      from: pick(ACCOUNTS),
      to: pick(ACCOUNTS),
      removed: false,
    };
  };
  const kind = random(10);
  if (kind < 5 || head < 0) {
    const items: Posted[] = [];
    const next = Math.max(1, head + 1);
    for (let block = next; block < next + 4; block++)
      if (random(3) > 0) items.push(event(block, history.freshHash(block)), event(block, history.freshHash(block)));
    return items;
  }
  const old = Math.max(1, head - random(DEPTH + 4));
  const known = history.hashOf(old);
  if (kind < 7) return [event(old, known ?? history.freshHash(old)), ...history.stored().slice(-3)];
  if (kind === 7) return known === undefined ? [] : [{ ...event(old, known), removed: true }];
  const fork = history.freshHash(old, `f${round % 10}`);
  const below = Math.max(1, old - 2);
  return [event(old, fork), event(old, fork), event(below, history.hashOf(below) ?? history.freshHash(below))];
}

/** Accounts that never had a token for a millisecond may be listed or not. */
const withPoints = (board: readonly string[]): string[] => board.filter((row) => !row.endsWith(' 0 0'));

test.each(SEEDS)(
  'any history of requests gives the state of its canonical events (seed %i)',
  { timeout: 300_000 },
  async (seed) => {
    const random = numbers(seed * 7_919);
    const chain = `random${seed}`;
    const contracts = CONTRACTS.map((address) => ({ address, standard: 'batch', fromBlock: 1 }));
    await call(app.adminKey, '/v1/admin/onchain/chains', {
      id: chain,
      endpoints: [],
      finality: { depth: DEPTH },
      contracts,
    });
    await call(app.adminKey, '/v1/points/rules', {
      validFrom: new Date(START * 1000).toISOString(),
      stakedPerTokenPerDay: '86400',
      heldPerTokenPerDay: '8640',
      chains: [chain],
    });
    const history = new FedHistory(DEPTH);
    const rows = async (path: string): Promise<Body[]> => (await call(reader, path)).data;
    for (let round = 0; round < 25; round++) {
      const items = request(random, history, round);
      if (items.length === 0) continue;
      const { rejected } = await call(writer, '/v1/onchain/events', {
        items: items.map((item) => bodyOf(chain, item)),
      });
      const expected = history.take(items);
      const { events, tokens, board } = history.state();
      const at = START * 1_000 + random(60_000);
      const sums = ACCOUNTS.map(async (account) => {
        const { intervals } = await call(reader, `/v1/points/${account}/explain?at=${at}`);
        const own = intervals.filter((row: Body) => row.chain === chain);
        return own.reduce((total: bigint, row: Body) => total + BigInt(row.numerator), 0n);
      });
      const found = {
        round,
        rejected: rejected.map(({ index, code }: Body) => `${index} ${code}`),
        events: (await rows(`/v1/onchain/events?chain=${chain}&limit=1000`)).map(
          (row) => `${row.blockNumber}.${row.logIndex} ${row.kind} ${row.status} ${row.processed} ${row.error}`,
        ),
        tokens: (await rows(`/v1/onchain/tokens?chain=${chain}&limit=1000`)).map(
          (row) => `${row.contract} ${row.tokenId} ${row.owner} ${row.staker}`,
        ),
        board: withPoints(
          (await rows(`/v1/points/leaderboard?chain=${chain}`)).map(
            (row) => `${row.account} ${row.points} ${row.final}`,
          ),
        ),
        sums: await Promise.all(sums),
      };
      expect(found).toEqual({
        round,
        rejected: expected,
        events,
        tokens,
        board: withPoints(board),
        sums: ACCOUNTS.map((account) => history.numerator(account, at)),
      });
    }
  },
);

function bodyOf(chain: string, { first, quantity, from, to, type, ...item }: Posted): object {
  const isStake = !type.startsWith('Batch');
  return {
    ...item,
    chain,
    type,
    ...(isStake
      ? { tokenId: first.toString(), staker: from }
      : {
          startTokenId: first.toString(),
          quantity: quantity.toString(),
          ...(type === 'BatchMint' ? {} : { from }),
          ...(type === 'BatchBurn' ? {} : { to }),
        }),
  };
}
