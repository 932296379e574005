import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAULTS } from '../../support/chain/mock-rpc-faults.js';
import { followedFixture, transfer, type FollowedFixture } from './followed-fixture.js';

let fixture: FollowedFixture;
let mock: Awaited<ReturnType<FollowedFixture['begin']>>;
let followed: Awaited<ReturnType<FollowedFixture['follow']>>;

beforeAll(async () => {
  fixture = await followedFixture();
});
afterAll(() => fixture.close());
beforeEach(async () => {
  mock = await fixture.begin();
  followed = await fixture.follow([mock.first, mock.second]);
});

/** Mines blocks with two logs each, of which the first endpoint leaves out every second one: a bloom does not show it. */
async function mineWithOmissions(blocks: number): Promise<void> {
  const end = mock.first.plan(
    FAULTS.omitLogs((index) => index % 2 === 1),
    { method: 'eth_getLogs' },
  );
  for (let block = 0; block < blocks; block += 1) {
    const token = mock.chain.head * 10;
    mock.chain.mine([transfer(token, 0, 1), transfer(token, 1, 2), transfer(token + 1, 0, 3)]);
    await followed.settle();
  }
  end();
}

/** State of a chain that was read without a fault. */
async function cleanState(): Promise<string[]> {
  const clean = await fixture.follow([mock.second]);
  await clean.settle();
  return clean.state();
}

describe('blocks that are read again', () => {
  it('show every log that was left out within one period, and end in the state of a clean replay', async () => {
    for (let block = 0; block < 20; block += 1) mock.chain.mine([transfer(block, 0, 1)]);
    await followed.settle();
    await mineWithOmissions(6);
    const before = await followed.state();
    await followed.recent();
    expect(before.filter((text) => text.startsWith('log'))).toHaveLength(20 + 6 * 2);
    expect(await followed.state()).toEqual(await cleanState());
    expect(await fixture.metric('onchain_omitted_logs_total', followed.name)).toBe(6);
    expect(await fixture.metric('onchain_healed_logs_total', followed.name)).toBe(6);
    expect(await followed.alarm()).toContain('6 logs had been left out; they are stored now');
  });

  it('publish what was left out, and nothing twice', async () => {
    mock.chain.mineEmpty(20);
    await followed.settle();
    await mineWithOmissions(3);
    await followed.recent();
    mock.chain.mine([transfer(5, 0, 1)]);
    await followed.settle();
    mock.chain.mineEmpty(8);
    await followed.settle();
    const blocks = [21, 22, 23].flatMap((block) => [`${block}:0`, `${block}:1`, `${block}:2`]).concat('24:0');
    const rows = await followed.published();
    expect(rows.toSorted()).toEqual(blocks.flatMap((block) => [`${block} final`, `${block} pending`]).toSorted());
    const { rows: points } = await fixture.test.pool.query(
      `SELECT DISTINCT right(data ->> 'account', 1) AS account FROM change_outbox WHERE type = 'points_change' AND chain = $1 ORDER BY 1`,
      [followed.name],
    );
    expect(points.map(({ account }: { account: string }) => account)).toEqual(['1', '2', '3']);
  });

  it('end the alarm after one whole period without an omission', async () => {
    mock.chain.mineEmpty(20);
    await followed.settle();
    await mineWithOmissions(1);
    await followed.recent();
    await followed.recent();
    expect(await followed.alarm()).toBeDefined();
    await fixture.test.pool.query(
      `UPDATE onchain_alarms SET raised_at = raised_at - interval '30 s' WHERE chain = $1`,
      [followed.name],
    );
    await followed.recent();
    expect(await followed.alarm()).toBeUndefined();
    const { rows } = await fixture.test.pool.query(
      'SELECT kind, omitted::int, healed::int FROM onchain_checks WHERE chain = $1',
      [followed.chain.id],
    );
    expect(rows).toEqual([{ kind: 'recent', omitted: 1, healed: 1 }]);
  });

  it('retract nothing where an endpoint shows fewer logs, and say so once', async () => {
    mock.chain.mineEmpty(20);
    mock.chain.mine([transfer(1, 0, 1), transfer(2, 0, 1)]);
    await followed.settle();
    const before = await followed.state();
    mock.second.plan(FAULTS.omitLogs(), { method: 'eth_getLogs' });
    await followed.recent();
    await followed.recent();
    expect(await followed.state()).toEqual(before);
    expect(await followed.alarm()).toContain('does not show 2 stored logs; nothing was retracted');
    expect(await fixture.metric('onchain_omitted_logs_total', followed.name)).toBe(2);
    expect(await fixture.metric('onchain_healed_logs_total', followed.name)).toBe(0);
  });

  it('heal final blocks by their before-images', async () => {
    mock.chain.mineEmpty(20);
    await followed.settle();
    await mineWithOmissions(2);
    mock.chain.mineEmpty(20);
    await followed.settle();
    await followed.recent();
    expect(await followed.state()).toEqual(await cleanState());
  });

  it('are compared on one branch only', async () => {
    mock.chain.mineEmpty(20);
    mock.chain.mine([transfer(1, 0, 1), transfer(2, 0, 1)]);
    await followed.settle();
    const before = await followed.state();
    await followed.number();
    mock.chain.reorg(1, [[transfer(3, 0, 1)]]);
    await followed.recent();
    expect(await followed.state()).toEqual(before);
    expect(await followed.alarm()).toBeUndefined();
    mock.chain.mine();
    await followed.settle();
    expect(await followed.state()).toEqual(await cleanState());
  });

  it('put an endpoint out whose logs are not in the bloom filter of the block', async () => {
    mock.chain.mineEmpty(21);
    await followed.settle();
    const { hash } = mock.chain.block(21)!;
    mock.second.plan(
      {
        result: () => [
          {
            ...transfer(9, 0, 1),
            blockNumber: '0x15',
            blockHash: hash,
            transactionHash: hash,
            transactionIndex: '0x0',
            logIndex: '0x0',
            removed: false,
          },
        ],
      },
      { method: 'eth_getLogs' },
    );
    await followed.recent();
    expect(await followed.published()).toEqual([]);
    expect(followed.pool.status()[1]).toMatchObject({ reason: 'it has logs of block 21 that are not in the block' });
  });
});

describe('a contract that is added later', () => {
  it('gets the blocks that are not final yet without waiting for new ones', async () => {
    const other = `0x${'b2'.repeat(20)}` as const;
    for (let block = 1; block <= 30; block += 1) mock.chain.mine([transfer(block, 0, 1), transfer(block, 0, 2, other)]);
    await followed.settle();
    await fixture.registry.addContract(followed.chain.id, { address: other, standard: 'erc721', fromBlock: 5 }, 'rest');
    await followed.lead();
    await followed.settle();
    const owned = async (): Promise<number> => {
      const { rows } = await fixture.test.pool.query(
        `SELECT FROM onchain_tokens WHERE contract = (SELECT id FROM onchain_contracts WHERE chain = $1 AND address = $2)`,
        [followed.chain.id, `\\x${other.slice(2)}`],
      );
      return rows.length;
    };
    expect(await owned()).toBe(22 - 4);
    expect(await followed.late.fill()).toBe(true);
    expect(await followed.late.fill()).toBe(false);
    expect(await owned()).toBe(26);
    await followed.recent();
    expect(await followed.alarm()).toBeUndefined();
  });
});
