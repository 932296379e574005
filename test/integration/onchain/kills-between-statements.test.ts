import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { followedFixture, transfer, type FollowedFixture } from './followed-fixture.js';

/** Statements between two kills; 1 in the long form. */
const STRIDE = process.env['TEST_LONG'] === '1' ? 1 : 6;

const SEED = Number(process.env['TEST_SEED'] ?? Date.now() % 1_000_000);

let fixture: FollowedFixture;
/** Statements that the process may still send; it is dead at 0. */
let left = Infinity;
let sent = 0;

beforeAll(async () => {
  fixture = await followedFixture();
  const query = pg.Client.prototype.query as (this: pg.Client, ...given: unknown[]) => unknown;
  vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (this: pg.Client, ...given: unknown[]): unknown {
    if (!isOfProduct(this)) return query.apply(this, given);
    sent += 1;
    if (left > 0) {
      left -= 1;
      return query.apply(this, given);
    }
    const error = new Error('killed');
    (this as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    const callback = given.at(-1);
    if (typeof callback !== 'function') return Promise.reject(error);
    process.nextTick(() => (callback as (failure: Error) => void)(error));
    return undefined;
  });
});
afterEach(() => {
  left = Infinity;
});
afterAll(async () => {
  vi.restoreAllMocks();
  await fixture.close();
});

function isOfProduct(client: pg.Client): boolean {
  const { application_name } = (client as unknown as { connectionParameters: { application_name?: string } })
    .connectionParameters;
  return application_name === 'defi-realtime';
}

type Chain = Awaited<ReturnType<FollowedFixture['begin']>>['chain'];
type Followed = Awaited<ReturnType<FollowedFixture['follow']>>;

/** A backfill, new blocks, forks, and blocks that become final. */
const HISTORY: readonly ((chain: Chain) => void)[] = [
  (chain) => {
    for (let block = 0; block < 20; block += 1) chain.mine([transfer(block, 0, 1), transfer(block, 1, 2)]);
  },
  (chain) => void chain.mine([transfer(3, 2, 3), transfer(50, 0, 3)]),
  (chain) => chain.reorg(2, [[transfer(3, 2, 1)], [transfer(4, 2, 3)], [transfer(50, 0, 2)]]),
  (chain) => chain.reorg(1, [[], [transfer(50, 0, 1), transfer(3, 1, 3)]]),
  (chain) => {
    for (let block = 0; block < 9; block += 1) chain.mine([transfer(50, (block % 2) + 1, ((block + 1) % 2) + 1)]);
  },
];

/** Follows the history by a process that dies after a number of statements, and then by another one. */
async function run(
  limit: number,
): Promise<{ followed: Followed; published: string[][]; second: Followed; statements: number }> {
  const { chain, first } = await fixture.begin();
  const followed = await fixture.follow([first]);
  const published: string[][] = [];
  sent = 0;
  left = limit;
  for (const happens of HISTORY) {
    happens(chain);
    await followed.settle().catch((error: unknown) => {
      if (left > 0) throw error;
    });
    if (left === 0) {
      left = Infinity;
      await followed.lead();
      await followed.settle();
    }
    published.push((await publishedRows(followed)).toSorted());
    await followed.number();
  }
  const statements = sent;
  left = Infinity;
  const second = await fixture.follow([first]);
  await second.settle();
  return { followed, published, second, statements };
}

async function publishedRows({ name }: Followed): Promise<string[]> {
  const { rows } = await fixture.test.pool.query<{ text: string }>(
    `SELECT concat_ws(' ', type, data ->> 'blockNumber', data ->> 'logIndex', data ->> 'status', data ->> 'depth',
       data ->> 'account', data ->> 'reason') AS text
     FROM change_outbox WHERE type IN ('onchain_event', 'chain_reorg') AND chain = $1 ORDER BY id`,
    [name],
  );
  return rows.map(({ text }) => text);
}

describe('a process that is killed between two statements', () => {
  it('leaves a state with which the next one ends as a clean replay does, and publishes nothing twice', async () => {
    const whole = await run(Infinity);
    const { statements } = whole;
    expect(await whole.followed.state()).toEqual(await whole.second.state());
    expect(whole.published.flat().filter((row) => row.startsWith('chain_reorg'))).toHaveLength(2);
    for (let kill = 1 + (SEED % STRIDE); kill < statements; kill += STRIDE) {
      const { followed, published, second } = await run(kill);
      const found = { kill, state: await followed.state(), published };
      expect(found).toEqual({ kill, state: await second.state(), published: whole.published });
    }
  }, 1_800_000);
});
