import type pg from 'pg';
import type { Address, ChainEvent, Hash } from '../../../src/onchain/index.js';

/** Address of an account or contract with a number. */
export const addressOf = (number: number): Address => `0x${number.toString(16).padStart(40, '0')}`;
/** Hash of a block or transaction with a number; branches have other hashes. */
export const hashOf = (number: number, branch = 'a'): Hash =>
  `0x${`${branch}${number.toString(16).padStart(12, '0')}`.padStart(64, '0')}`;
/** Time of a block: one a second from a fixed moment on. */
export const timeOf = (block: number): number => Date.UTC(2026, 0, 1) + block * 1_000;

/** Event with the members that a test gives; the others have usual values. */
export function chainEvent(
  members: Partial<ChainEvent> & Pick<ChainEvent, 'contract' | 'kind' | 'blockNumber'>,
): ChainEvent {
  const { blockNumber, logIndex = 0 } = members;
  return {
    blockHash: hashOf(blockNumber),
    transactionHash: hashOf(blockNumber * 1_000 + logIndex, 'c'),
    transactionIndex: 0,
    logIndex,
    at: timeOf(blockNumber),
    from: null,
    to: null,
    staker: null,
    startTokenId: 0n,
    quantity: 1n,
    tokenIds: null,
    quantities: null,
    ...members,
  };
}

/**
 * Inserts `count` transfers of single tokens by one statement, ten to a block, of 1,000 accounts and 100,000 tokens; every
 * tenth is a stake, every tenth has the token 1,000,000, and every hundredth is a batch of ten tokens. Returns the number of the last block.
 */
export async function fillLogs(pool: pg.Pool, chain: number, contract: number, count: number): Promise<number> {
  await pool.query(
    `INSERT INTO onchain_logs (chain, contract, block_number, log_index, kind, block_ms, transaction_index, block_hash,
       transaction_hash, sender, recipient, staker, start_token_id, quantity)
     SELECT $1, $2, 1 + n / 10, n % 10, CASE WHEN n % 10 = 0 THEN 'Stake' WHEN n % 100 = 1 THEN 'BatchTransfer' ELSE 'Transfer' END,
       $4::bigint + (1 + n / 10) * 1000, n % 10, decode(lpad(to_hex(1 + n / 10), 64, '0'), 'hex'), decode(lpad(to_hex(n), 64, '0'), 'hex'),
       decode(lpad(to_hex(n % 1000), 40, '0'), 'hex'), CASE WHEN n % 10 > 0 THEN decode(lpad(to_hex(n % 997), 40, '0'), 'hex') END,
       CASE WHEN n % 10 = 0 THEN decode(lpad(to_hex(n % 1000), 40, '0'), 'hex') END, CASE WHEN n % 10 = 9 THEN 1000000 ELSE (n::bigint * 7919) % 100000 END,
       CASE WHEN n % 100 = 1 THEN 10 ELSE 1 END
     FROM generate_series(0, $3::int - 1) n`,
    [chain, contract, count, timeOf(0)],
  );
  await pool.query('ANALYZE onchain_logs');
  return 1 + Math.floor((count - 1) / 10);
}
