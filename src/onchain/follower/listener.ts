import type { WatchedChain } from '../config/chain-registry.js';
import type { BlockRef } from '../core/index.js';
import type { AlarmCode } from '../store/chain-alarms.js';
import type { ChainLease } from '../store/chain-lease.js';
import type { BlockBatch, ReorgWork } from '../store/chain-store.js';

export interface Reorganisation {
  readonly oldHead: BlockRef;
  readonly newHead: BlockRef;
  /** Number of stored blocks that were replaced. */
  readonly depth: number;
}

/** Alarms of a follower. */
export type FollowerAlarm = Extract<AlarmCode, 'deep_reorg' | 'omitted_logs' | 'suspicious_branch' | 'endpoints'>;

/** Work beside the storage of blocks: the projection, announcements and alarms. */
export interface FollowerListener {
  /** Called after a batch is stored; the follower waits, so that the buffer in memory stays bounded. */
  stored(chain: WatchedChain, lease: ChainLease, batch: BlockBatch): Promise<void>;
  /** Returns the work within the transaction of a reorganisation. Called before it, outside of any transaction. */
  reorganising(chain: WatchedChain, lease: ChainLease, reorg: Reorganisation): Promise<ReorgWork>;
  alarm(chain: WatchedChain, code: FollowerAlarm, detail: string): Promise<void>;
}
