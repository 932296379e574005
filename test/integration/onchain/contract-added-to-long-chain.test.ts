import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { lowestGap } from '../../../src/onchain/core/index.js';
import { readPosition } from '../../../src/onchain/follower/chain-position.js';
import { followedFixture, transfer, type FollowedFixture } from './followed-fixture.js';

const OTHER = `0x${'b2'.repeat(20)}` as const;

let fixture: FollowedFixture;
beforeAll(async () => {
  fixture = await followedFixture();
});
afterAll(() => fixture.close());

describe('a contract that is added to a long chain', () => {
  it('holds up no new block of the others while its old blocks are read', async () => {
    const { chain, first } = await fixture.begin();
    for (let block = 0; block < 40; block += 1) chain.mine([transfer(block, 0, 1, OTHER)]);
    chain.mineEmpty(6_000);
    const nft = { address: `0x${'a1'.repeat(20)}`, standard: 'erc721', fromBlock: chain.head - 20 } as const;
    const followed = await fixture.follow([first], { contracts: [nft] });
    await followed.settle();
    await fixture.registry.addContract(followed.chain.id, { address: OTHER, standard: 'erc721', fromBlock: 1 }, 'rest');
    await followed.lead();

    await followed.follower.run();
    const ownsNew: boolean[] = [];
    for (let block = 0; block < 3; block += 1) {
      chain.mine([transfer(700 + block, 0, 5)]);
      await followed.follower.run();
      await followed.follower.run();
      const { rows } = await fixture.test.pool.query('SELECT FROM onchain_tokens WHERE token_id = $1', [700 + block]);
      ownsNew.push(rows.length === 1);
    }
    expect(ownsNew).toEqual([true, true, true]);
    const position = await readPosition(fixture.database, followed.chain.id);
    expect(lowestGap(position!.contracts, position!.final!.number)).toBeDefined();

    chain.mineEmpty(10);
    await followed.settle();
    const second = await fixture.follow([first], { contracts: [nft, { ...nft, address: OTHER, fromBlock: 1 }] });
    await second.settle();
    expect(await followed.state()).toEqual(await second.state());
    expect((await followed.state()).filter((text) => text.startsWith('token'))).toHaveLength(43);
  });

  it('has its pending blocks projected after a failure, although no block follows', async () => {
    const { chain, first } = await fixture.begin();
    chain.mineEmpty(20);
    for (let block = 0; block < 4; block += 1) chain.mine([transfer(block, 0, 1, OTHER)]);
    const followed = await fixture.follow([first]);
    await followed.settle();
    await fixture.registry.addContract(followed.chain.id, { address: OTHER, standard: 'erc721', fromBlock: 1 }, 'rest');
    await followed.lead();
    await followed.settle();
    const failing = vi
      .spyOn(fixture.projector, 'project')
      .mockRejectedValueOnce(new Error('the database is unavailable'));
    await expect(followed.late.run()).rejects.toThrow('unavailable');
    failing.mockRestore();
    await followed.late.run();
    expect((await followed.state()).filter((text) => text.startsWith('token'))).toHaveLength(4);
  });
});
