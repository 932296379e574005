import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
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
  followed = await fixture.follow([mock.first]);
});

/** Blocks of two transfers each, around few tokens, so that every block changes what another one did. */
const logs = (block: number, account: number) => [
  transfer(block % 3, block < 3 ? 0 : 1, 1),
  transfer(block % 3, 1, account),
  transfer(block % 3, account, 1),
];

/** Replaces so many blocks, which stops the chain, by a branch that is two blocks longer. */
async function stopByFork(depth: number): Promise<void> {
  await followed.number();
  mock.chain.reorg(
    depth,
    Array.from({ length: depth + 2 }, (_, at) => (at % 2 === 0 ? logs(at, 3) : [])),
  );
  await followed.settle();
  expect(await row()).toMatchObject({ state: 'stopped' });
  await fixture.alarms.raise(followed.name, 'deep_reorg', 'stopped');
}

async function row() {
  const { rows } = await fixture.test.pool.query(
    `SELECT state, reason, head_number::int AS head, final_number::int AS final, (SELECT count(*)::int FROM onchain_alarms a
       WHERE a.chain = h.name) AS alarms FROM onchain_chains h WHERE id = $1`,
    [followed.chain.id],
  );
  return rows[0] as Record<string, unknown>;
}

async function cleanState(): Promise<string[]> {
  const clean = await fixture.follow([mock.first]);
  await clean.settle();
  return clean.state();
}

async function goOn(): Promise<void> {
  await followed.number();
  await followed.lead();
  await followed.settle();
}

describe('a chain that a deep fork stopped', () => {
  it('goes back to a block below the final one and ends in the state of the new branch', async () => {
    for (let block = 0; block < 40; block += 1) {
      mock.chain.mine(logs(block, 2));
      if (block >= 15) await followed.settle();
    }
    await stopByFork(12);
    const effect = { blocks: 12, events: 36, accounts: 2 };
    const before = await followed.state();
    expect(await fixture.rewinds.rewind(followed.name, { toBlock: 28, dryRun: true })).toEqual(effect);
    expect(await followed.state()).toEqual(before);
    expect(await fixture.rewinds.rewind(followed.name, { toBlock: 28, confirm: true })).toEqual(effect);
    expect(await row()).toEqual({ state: 'backfilling', reason: null, head: 28, final: 28, alarms: 0 });
    expect((await followed.state()).filter((text) => text.startsWith('log'))).toHaveLength(28 * 3);
    await goOn();
    expect(await followed.state()).toEqual(await cleanState());
    expect(await row()).toMatchObject({ state: 'following', head: 42, final: 34 });
  });

  it('is projected anew from its first block where no before-images reach', async () => {
    for (let block = 0; block < 40; block += 1) mock.chain.mine(logs(block, 2));
    await followed.settle();
    await stopByFork(20);
    await fixture.rewinds.rewind(followed.name, { toBlock: 20, confirm: true });
    await goOn();
    expect(await followed.state()).toEqual(await cleanState());
    const published = await followed.published();
    expect(published.filter((text) => Number(text.split(':')[0]) <= 20)).toEqual([]);
  });

  it('is rewound only while it stands, and only to a block of the present chain', async () => {
    for (let block = 0; block < 30; block += 1) mock.chain.mine(logs(block, 2));
    await followed.settle();
    const rewind = (toBlock: number, name = followed.name) =>
      fixture.rewinds.rewind(name, { toBlock, confirm: true }).then(
        () => 'rewound',
        (error: Error) => error.message,
      );
    expect(await rewind(25)).toContain('is not stopped');
    expect(await rewind(30)).toBe('toBlock must be below the newest block 30');
    expect(await rewind(1, 'nowhere')).toBe('chain nowhere not found');
    await stopByFork(10);
    expect(await rewind(25)).toContain('is not in the present chain of the endpoints');
    await mock.first.close();
    expect(await rewind(10)).toContain('unavailable');
  });
});
