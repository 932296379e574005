import fc from 'fast-check';
import type { Address, ChainEvent, EventKind, Hash, PointRule } from '../../../src/onchain/core/index.js';
import type { NaiveContract } from '../oracles/naive-points.js';

const address = (digit: string): Address => `0x${digit.repeat(40)}`;

/** Contracts of every standard in one stream: a batch contract, a collection with its staking contract, amounts. */
export const CONTRACTS: readonly NaiveContract[] = [
  { id: 1, address: address('1'), standard: 'batch', token: null },
  { id: 2, address: address('2'), standard: 'erc721', token: null },
  { id: 3, address: address('3'), standard: 'batch', token: address('2') },
  { id: 4, address: address('4'), standard: 'erc1155', token: null },
  { id: 5, address: address('5'), standard: 'erc20', token: null },
];

/** Rules with a change in the middle of the histories' times; the last one names the ERC-20. */
export const RULES: readonly PointRule[] = [
  { version: 1, validFrom: 0, stakedPerDay: 1_000_000n, heldPerDay: 7n, chains: [], contracts: [] },
  { version: 2, validFrom: 10_600, stakedPerDay: 3_333_333n, heldPerDay: 0n, chains: ['test'], contracts: [] },
  {
    version: 3,
    validFrom: 10_300,
    stakedPerDay: 5n,
    heldPerDay: 11n,
    chains: [],
    contracts: [address('5'), address('4')],
  },
];

/** Accounts of the histories; staking contracts are among them, as they take tokens into custody. */
export const ACCOUNTS: readonly Address[] = ['a', 'b', 'c', 'd'].map(address).concat([address('3'), address('1')]);

/** Ids whose lowest 64 bits are equal are among them, and ids around the largest exact number. */
const IDS = [0n, 1n, 2n, 3n, 4n, 2n ** 53n - 2n, 2n ** 53n, 2n ** 64n + 1n, 2n ** 200n + 1n];

type Action = Pick<ChainEvent, 'contract' | 'kind' | 'from' | 'to' | 'staker' | 'startTokenId' | 'quantity'> &
  Pick<ChainEvent, 'tokenIds' | 'quantities'>;

const account = fc.constantFrom(...ACCOUNTS);
const someone = fc.option(account, { nil: null, freq: 4 });
const id = fc.constantFrom(...IDS);
const few = fc.bigInt(0n, 4n);
const NO_LISTS = { tokenIds: null, quantities: null, staker: null };

const action = (contract: number, kind: EventKind, members: fc.Arbitrary<Partial<Action>>): fc.Arbitrary<Action> =>
  members.map((some) => ({
    contract: address(String(contract)),
    kind,
    from: null,
    to: null,
    startTokenId: null,
    quantity: null,
    ...NO_LISTS,
    ...some,
  }));

const stakeOf = (contract: number, kind: 'Stake' | 'Unstake'): fc.Arbitrary<Action> =>
  action(
    contract,
    kind,
    fc
      .record({ staker: account, startTokenId: id, quantity: fc.constant(1n) })
      .map((some) => ({ ...some, from: some.staker })),
  );

const ACTIONS: readonly fc.Arbitrary<Action>[] = [
  action(1, 'BatchMint', fc.record({ to: account, startTokenId: id, quantity: few })),
  action(1, 'BatchTransfer', fc.record({ from: account, to: account, startTokenId: id, quantity: few })),
  action(1, 'BatchBurn', fc.record({ from: account, startTokenId: id, quantity: fc.bigInt(0n, 2n) })),
  stakeOf(1, 'Stake'),
  stakeOf(1, 'Unstake'),
  action(2, 'Transfer', fc.record({ from: someone, to: someone, startTokenId: id, quantity: fc.constant(1n) })),
  action(
    2,
    'Transfer',
    fc.record({ from: account, to: fc.constant(address('3')), startTokenId: id, quantity: fc.constant(1n) }),
  ),
  action(2, 'ConsecutiveTransfer', fc.record({ from: someone, to: someone, startTokenId: id, quantity: few })),
  stakeOf(3, 'Stake'),
  stakeOf(3, 'Unstake'),
  action(4, 'TransferSingle', fc.record({ from: someone, to: someone, startTokenId: id, quantity: few })),
  action(
    4,
    'TransferBatch',
    fc.tuple(someone, someone, fc.array(fc.tuple(id, few), { maxLength: 5 })).map(([from, to, list]) => ({
      from,
      to,
      tokenIds: list.map(([one]) => one),
      quantities: list.map(([, one]) => one),
    })),
  ),
  action(
    5,
    'Transfer',
    fc.record({ from: someone, to: someone, startTokenId: fc.constant(0n), quantity: fc.bigInt(0n, 10n ** 30n) }),
  ),
];

const CUSTODY = address('3');

/** Transaction around the stake of one token: into custody before or after it, or somewhere else, and back. */
const staking: fc.Arbitrary<Action[]> = fc
  .record({
    owner: account,
    other: account,
    tokenId: fc.constantFrom(0n, 1n),
    order: fc.array(fc.nat(5), { minLength: 2, maxLength: 4 }),
  })
  .map(({ owner, other, tokenId, order }) => {
    const members = { contract: address('2'), startTokenId: tokenId, quantity: 1n, ...NO_LISTS };
    const move = (from: Address | null, to: Address): Action => ({ ...members, kind: 'Transfer', from, to });
    const stake = { ...members, contract: CUSTODY, from: owner, to: null, staker: owner };
    const steps: Action[] = [
      move(owner, CUSTODY),
      { ...stake, kind: 'Stake' },
      move(owner, other),
      move(CUSTODY, owner),
      { ...stake, kind: 'Unstake' },
      move(other, CUSTODY),
    ];
    return order.flatMap((step) => steps[step] ?? []);
  });

/** Block of a history: time after the block before it, and the actions of each of its transactions. */
export interface BlockPlan {
  readonly after: number;
  readonly transactions: readonly (readonly Action[])[];
}

/** Blocks with random events of all kinds; most of them are valid somewhere, many are not. */
export const blockPlans: fc.Arbitrary<BlockPlan[]> = fc.array(
  fc.record({
    after: fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: 0, max: 120 }) },
      { weight: 1, arbitrary: fc.constant(-50) },
    ),
    transactions: fc.array(
      fc.oneof(
        { weight: 3, arbitrary: fc.array(fc.oneof(...ACTIONS), { minLength: 1, maxLength: 4 }) },
        { weight: 1, arbitrary: staking },
      ),
      { maxLength: 3 },
    ),
  }),
  { minLength: 1, maxLength: 14 },
);

const hash = (text: string): Hash => `0x${Buffer.from(text).toString('hex').padStart(64, '0').slice(-64)}`;

export const blockHash = (branch: string, number: number): Hash => hash(`${branch}:${number}`);

/** Events of planned blocks, from a block number on. */
export function eventsOf(plans: readonly BlockPlan[], firstBlock = 1, branch = 'a', startAt = 10_000): ChainEvent[] {
  let at = startAt;
  return plans.flatMap(({ after, transactions }, position) => {
    at += after;
    const blockNumber = firstBlock + position;
    let logIndex = 0;
    return transactions.flatMap((actions, transactionIndex) =>
      actions.map((one): ChainEvent => ({
        ...one,
        blockNumber,
        blockHash: blockHash(branch, blockNumber),
        transactionHash: hash(`${branch}:${blockNumber}:${transactionIndex}`),
        transactionIndex,
        logIndex: logIndex++,
        at,
      })),
    );
  });
}

/** Time of each planned block, Unix milliseconds. */
export function timesOf(plans: readonly BlockPlan[], startAt = 10_000): number[] {
  let at = startAt;
  return plans.map(({ after }) => (at += after));
}
