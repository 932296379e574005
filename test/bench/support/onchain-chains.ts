/** Simulated chains of `bench onchain`, built in the process of their endpoint. */
import { toEventSelector } from 'viem';
import type { Address, Hash } from '../../../src/onchain/core/index.js';
import { MockChain, type LogSpec } from '../../support/chain/mock-rpc-chain.js';

export const BENCH_CONTRACT: Address = `0x${'b0'.repeat(20)}`;

export interface BenchChain {
  readonly events: number;
  readonly perBlock: number;
  readonly accounts: number;
  readonly startsAt: number;
}

const word = (value: number | bigint): string => value.toString(16).padStart(64, '0');
const topic = (value: number | bigint): Hash => `0x${word(value)}`;
const data = (...values: readonly (number | bigint)[]): `0x${string}` => `0x${values.map(word).join('')}`;

/** Pseudo-random numbers that are the same in every run. */
function dice(): (below: number) => number {
  let seed = 42;
  return (below) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
}

function chainOf(logs: readonly LogSpec[], { perBlock, startsAt }: BenchChain): MockChain {
  const chain = new MockChain({ startsAt, finalityDepth: 8 });
  for (let from = 0; from < logs.length; from += perBlock) chain.mine(logs.slice(from, from + perBlock));
  chain.mineEmpty(9);
  return chain;
}

/** The public workload: ERC-721 transfers of single tokens, after a tenth of mints. */
export function singleTransfers(input: BenchChain): MockChain {
  const random = dice();
  const selector: Hash = toEventSelector('Transfer(address,address,uint256)');
  const owners: number[] = [];
  const logs = Array.from({ length: input.events }, (): LogSpec => {
    const to = 1 + random(input.accounts);
    const isMint = owners.length < input.events / 10;
    const token = isMint ? owners.length : random(owners.length);
    const from = owners[token] ?? 0;
    owners[token] = to;
    return { address: BENCH_CONTRACT, topics: [selector, topic(from), topic(to), topic(token)], data: '0x' };
  });
  return chainOf(logs, input);
}

/** The workload of batches: 40 % transfers of 1 to 20 tokens, 30 % mints, 20 % stakes and their ends, 10 % burns. */
export function mixedBatches(input: BenchChain): MockChain {
  const random = dice();
  const names = {
    mint: toEventSelector('BatchMint(address,uint256,uint256)'),
    burn: toEventSelector('BatchBurn(address,uint256,uint256)'),
    transfer: toEventSelector('BatchTransfer(address,address,uint256,uint256)'),
    stake: toEventSelector('Stake(address,uint256)'),
    unstake: toEventSelector('Unstake(address,uint256)'),
  };
  const log = (name: keyof typeof names, ...values: number[]): LogSpec => ({
    address: BENCH_CONTRACT,
    topics: [names[name]],
    data: data(...values),
  });
  const runs: { start: number; count: number; owner: number }[] = [];
  const staked: { token: number; account: number }[] = [];
  let next = 0;
  const logs = Array.from({ length: input.events }, (_, position): LogSpec => {
    const chance = random(10);
    const at = random(runs.length);
    const run = runs[at];
    if (chance < 3 || run === undefined) {
      const minted = { start: next, count: 1 + random(20), owner: 1 + random(input.accounts) };
      runs.push(minted);
      next += minted.count;
      return log('mint', minted.owner, minted.start, minted.count);
    }
    if (chance < 7) {
      const from = run.owner;
      run.owner = 1 + random(input.accounts);
      return log('transfer', from, run.owner, run.start, run.count);
    }
    if (chance === 7) {
      const last = runs.pop();
      if (last !== undefined && at < runs.length) runs[at] = last;
      return log('burn', run.owner, run.start, run.count);
    }
    const ended = position % 2 === 0 ? undefined : staked.splice(random(staked.length), 1)[0];
    if (ended !== undefined) return log('unstake', ended.account, ended.token);
    staked.push({ token: run.start, account: run.owner });
    return log('stake', run.owner, run.start);
  });
  return chainOf(logs, input);
}

/** Length of the chain of recent blocks: longer than its deepest reorganisation. */
export const RECENT_BLOCKS = 200;

/** A short chain of recent blocks, to which the bench appends. */
export function recentBlocks({ startsAt }: BenchChain): MockChain {
  const chain = new MockChain({ startsAt, finalityDepth: 128 });
  chain.mineEmpty(RECENT_BLOCKS);
  return chain;
}

/** Transfer of one token, as the bench appends it in a block. */
export function transferLog(from: number, to: number, token: number): LogSpec {
  const selector: Hash = toEventSelector('Transfer(address,address,uint256)');
  return { address: BENCH_CONTRACT, topics: [selector, topic(from), topic(to), topic(token)], data: '0x' };
}
