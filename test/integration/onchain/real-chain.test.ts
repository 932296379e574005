import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bloomBits,
  decoderFor,
  isDecodeFailure,
  mayContain,
  ZERO_ADDRESS,
  type Address,
  type ChainEvent,
  type Hash,
  type Standard,
} from '../../../src/onchain/index.js';
import { startAnvil, type Anvil, type ContractName } from '../../support/chain/anvil.js';
import { WRITTEN_EVENTS, rawLog } from '../../support/chain/raw-logs.js';

const HIGHEST = 2n ** 256n - 1n;

let chain: Anvil;
let alice: Address;
let bob: Address;

beforeAll(async () => {
  chain = await startAnvil();
  [alice = ZERO_ADDRESS, bob = ZERO_ADDRESS] = chain.accounts.slice(1);
});

afterAll(() => chain.close());

/** Events that a contract logged, short: kind, sender, receiver, first token or tokens, quantity or quantities. */
async function eventsOf(address: Address, standard: Standard): Promise<unknown[][]> {
  const decode = decoderFor([{ address, standard }], { maxBatchQuantity: 100_000 });
  const found = (await chain.logs()).map((log) => decode(log)).filter((result) => result !== undefined);
  return found.map((result) => (isDecodeFailure(result) ? [result.code] : short(result)));
}

function short(event: ChainEvent): unknown[] {
  return [event.kind, event.from, event.to, event.tokenIds ?? event.startTokenId, event.quantities ?? event.quantity];
}

describe('the contracts of the tests', () => {
  it('are compiled from the source that stands beside them', async () => {
    const build = new URL('../../support/chain/build.mjs', import.meta.url).pathname;
    const { stderr } = await promisify(execFile)(process.execPath, [build, '--check']);
    expect(stderr).toBe('');
  });

  it('log batches, stakes and custody as the source document has them', async () => {
    const nft = await chain.deploy('PointsNft');
    const send = (name: string, ...args: unknown[]) => chain.send('PointsNft', nft, name, ...args);
    await send('mint', alice, 1n, 5n);
    await send('transfer', alice, bob, 2n, 2n);
    await send('transfer', alice, bob, 2n, 0n);
    await send('stake', alice, 1n);
    await send('unstake', alice, 1n);
    await send('stakeInCustody', bob, 2n);
    await send('unstakeFromCustody', bob, 2n);
    await send('burn', bob, 3n, 1n);
    expect(await eventsOf(nft, 'batch')).toEqual([
      ['BatchMint', null, alice, 1n, 5n],
      ['BatchTransfer', alice, bob, 2n, 2n],
      ['BatchTransfer', alice, bob, 2n, 0n],
      ['Stake', alice, null, 1n, 1n],
      ['Unstake', alice, null, 1n, 1n],
      ['BatchTransfer', bob, nft, 2n, 1n],
      ['Stake', bob, null, 2n, 1n],
      ['Unstake', bob, null, 2n, 1n],
      ['BatchTransfer', nft, bob, 2n, 1n],
      ['BatchBurn', bob, null, 3n, 1n],
    ]);
  });

  it('log single tokens, ranges, items, coins and stakes of another contract', async () => {
    const collection = await chain.deploy('Collection');
    const staking = await chain.deploy('Staking', collection);
    const items = await chain.deploy('Items');
    const coin = await chain.deploy('Coin');
    await chain.send('Collection', collection, 'mint', alice, HIGHEST);
    await chain.send('Collection', collection, 'transferRange', ZERO_ADDRESS, bob, 10n, 14n);
    await chain.send('Staking', staking, 'stake', alice, HIGHEST);
    await chain.send('Staking', staking, 'unstake', alice, HIGHEST);
    await chain.send('Collection', collection, 'burn', alice, HIGHEST);
    await chain.send('Items', items, 'transfer', ZERO_ADDRESS, alice, HIGHEST, 7n);
    await chain.send('Items', items, 'transferBatch', ZERO_ADDRESS, bob, [1n, 2n], [10n, 20n]);
    await chain.send('Items', items, 'transferBatch', alice, bob, [], []);
    await chain.send('Coin', coin, 'transfer', ZERO_ADDRESS, alice, HIGHEST);
    expect(await eventsOf(collection, 'erc721')).toEqual([
      ['Transfer', null, alice, HIGHEST, 1n],
      ['ConsecutiveTransfer', null, bob, 10n, 5n],
      ['Transfer', alice, staking, HIGHEST, 1n],
      ['Transfer', staking, alice, HIGHEST, 1n],
      ['Transfer', alice, null, HIGHEST, 1n],
    ]);
    expect(await eventsOf(staking, 'batch')).toEqual([
      ['Stake', alice, null, HIGHEST, 1n],
      ['Unstake', alice, null, HIGHEST, 1n],
    ]);
    expect(await eventsOf(items, 'erc1155')).toEqual([
      ['TransferSingle', null, alice, HIGHEST, 7n],
      ['TransferBatch', null, bob, [1n, 2n], [10n, 20n]],
      ['TransferBatch', alice, bob, [], []],
    ]);
    expect(await eventsOf(coin, 'erc20')).toEqual([['Transfer', null, alice, 0n, HIGHEST]]);
  });

  it.each<[ContractName, Standard, unknown[][]]>([
    [
      'Collection',
      'erc721',
      [
        ['Transfer', 0, 3n],
        ['Transfer', 2, 4n],
      ],
    ],
    [
      'Coin',
      'erc20',
      [
        ['Transfer', 0, 3n],
        ['Transfer', 3, 4n],
      ],
    ],
    [
      'PointsNft',
      'batch',
      [
        ['Stake', 2, 3n],
        ['Unstake', 1, 4n],
      ],
    ],
  ])('log old variants of %s, whose arguments are indexed otherwise', async (name, standard, variants) => {
    const address = await chain.deploy(name);
    for (const [kind, indexed, number] of variants) {
      const event = WRITTEN_EVENTS.find((written) => written.standard === standard && written.kind === kind)!;
      const args = event.args.split(', ').map((argument) => (argument.startsWith('address') ? bob : number));
      const { topics, data } = rawLog(address, event, Number(indexed), args);
      await chain.send(name, address, 'logAny', topics, data);
    }
    await chain.send(name, address, 'logAny', [(await chain.logs()).at(-1)!.topics[0]], '0x');
    const found = await eventsOf(address, standard);
    expect(found.map(([kind]) => kind)).toEqual([...variants.map(([kind]) => kind), 'short_data']);
  });

  it('log thousands of events in one transaction, and the bloom of the block has them', async () => {
    const nft = await chain.deploy('PointsNft');
    await chain.send('PointsNft', nft, 'mintMany', alice, 1n, 1_000n);
    await chain.send('PointsNft', nft, 'transferMany', alice, bob, 1n, 1_000n);
    const events = await eventsOf(nft, 'batch');
    expect(events).toHaveLength(2_000);
    expect(events.at(-1)).toEqual(['BatchTransfer', alice, bob, 1_000n, 1n]);
    const { logsBloom } = await chain.rpc<{ logsBloom: Hash }>('eth_getBlockByNumber', 'latest', false);
    const logged = (await chain.logs()).at(-1)!;
    expect(mayContain(logsBloom, bloomBits(nft))).toBe(true);
    expect(mayContain(logsBloom, bloomBits(logged.topics[0] as Hash))).toBe(true);
    expect(mayContain(logsBloom, bloomBits(bob))).toBe(false);
  });

  it('see a transaction move to another block in a reorganisation, and blocks become final', async () => {
    const nft = await chain.deploy('PointsNft');
    const hash = await chain.send('PointsNft', nft, 'mint', alice, 1n, 1n);
    const lost = await chain.send('PointsNft', nft, 'mint', bob, 2n, 1n);
    const [before] = (await chain.logs()).slice(-2);
    await chain.reorg(2, [{ hash, block: 1 }]);
    const after = (await chain.logs()).filter(({ address }) => address === nft);
    expect(after.map(({ transactionHash }) => transactionHash)).toEqual([hash]);
    expect(after.map(({ transactionHash }) => transactionHash)).not.toContain(lost);
    expect(Number(after[0]!.blockNumber)).toBe(Number(before!.blockNumber) + 1);
    expect(after[0]!.blockHash).not.toBe(before!.blockHash);
    await chain.mine(2);
    expect(await chain.height('finalized')).toBe((await chain.height()) - 2);
  });
});
