import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { readChainEvent, type PostedChainEvent } from './event-item.js';

/** Events without a block hash that wait for the block of their number. */
@Injectable()
export class UnplacedEvents {
  constructor(private readonly database: Database) {}

  /** Keeps items until their block is known; repetitions are kept once. */
  async keep(
    chain: number,
    items: readonly { readonly item: unknown; readonly event: PostedChainEvent['event'] }[],
  ): Promise<void> {
    if (items.length === 0) return;
    await this.database.query(
      `INSERT INTO onchain_unplaced_events (chain, block_number, transaction_hash, log_index, contract, item)
       SELECT $1, * FROM unnest($2::bigint[], $3::bytea[], $4::int[], $5::bytea[], $6::jsonb[]) ON CONFLICT DO NOTHING`,
      [
        chain,
        items.map(({ event }) => event.blockNumber),
        items.map(({ event }) => bytea(event.transactionHash)),
        items.map(({ event }) => event.logIndex),
        items.map(({ event }) => bytea(event.contract)),
        items.map(({ item }) => JSON.stringify(item)),
      ],
    );
  }

  /** Returns the events of these blocks; they are dropped when they are stored. */
  async of(chain: number, blocks: readonly number[], maxQuantity: number): Promise<PostedChainEvent['event'][]> {
    if (blocks.length === 0) return [];
    const rows = await this.database.query<{ item: unknown }>(
      'SELECT item FROM onchain_unplaced_events WHERE chain = $1 AND block_number = ANY ($2::bigint[])',
      [chain, blocks],
    );
    return rows.map(({ item }) => readChainEvent(item, maxQuantity).event);
  }

  async drop(chain: number, blocks: readonly number[]): Promise<void> {
    if (blocks.length === 0) return;
    await this.database.query(
      'DELETE FROM onchain_unplaced_events WHERE chain = $1 AND block_number = ANY ($2::bigint[])',
      [chain, blocks],
    );
  }
}

const bytea = (hex: string): string => `\\x${hex.slice(2)}`;
