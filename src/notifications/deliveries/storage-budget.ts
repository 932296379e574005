import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import type { Channel } from '../core/channels/catalogue.js';
import { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { Settings } from '../../platform/settings/settings.js';

/** Number of bytes that a transaction has stored or deleted, by user. */
type Bytes = ReadonlyMap<string, number>;

/** Number of bytes of one user that a statement stored or deleted. */
export interface UserBytes {
  user_id: string;
  bytes: number;
}

/** Minimum interval between notices to a user whose messages are not sent, ms. */
const NOTICE_INTERVAL_MS = 86_400_000;
/** Fraction of the budget from which old rows are deleted early. */
const NEARLY_FULL_SHARE = 0.8;
/** Number of rows per step of that deletion. */
const BATCH_SIZE = 1_000;

/** Target and content of the notice that messages are not sent. */
interface DueNotice {
  userId: string;
  channel: Channel;
  target: string;
  data: {
    /**
     * Reason of the notice; `unconfirmed`: not the budget, but too many messages that wait for the confirmation of one
     * target.
     */
    reason: 'stored' | 'unconfirmed';
    usedMb: number;
    limitMb: number;
  };
}

/**
 * Storage budget of users: counts messages, their attempts and the history of alerts. No message is sent while a user is
 * over the budget.
 */
@Injectable()
export class StorageBudget {
  /** Maximum number of bytes per user; null: no limit. */
  readonly limit: number | null;

  constructor(
    private readonly database: Database,
    settings: Settings,
  ) {
    this.limit = settings.userStorageMb === 0 ? null : settings.userStorageMb * 1_000_000;
  }

  /**
   * Counts stored bytes. Must be the last step of the transaction that writes them: users are updated in a fixed order,
   * and no other lock is taken afterwards, so that two transactions cannot deadlock.
   */
  async add(tx: PoolClient, growth: Bytes): Promise<void> {
    const changes = [...growth].filter(([, bytes]) => bytes > 0);
    if (changes.length > 0) await tx.query(ADD, columnsOf(changes));
  }

  /** Counts deleted bytes; must be the last step of its transaction, like `add`. */
  async free(tx: PoolClient, gone: Bytes): Promise<void> {
    if (gone.size > 0) await tx.query(FREE, columnsOf([...gone]));
  }

  /** Returns the bytes stored for a user. */
  async used(userId: string): Promise<number> {
    const row = await this.database.one<{ bytes: number }>('SELECT bytes FROM user_storage WHERE user_id = $1', [
      userId,
    ]);
    return row?.bytes ?? 0;
  }

  /** Returns those of the given users whose budget is used up. */
  async full(userIds: readonly string[]): Promise<ReadonlySet<string>> {
    if (this.limit === null || userIds.length === 0) return new Set();
    const rows = await this.database.query<{ user_id: string }>(
      'SELECT user_id FROM user_storage WHERE user_id = ANY($1) AND bytes >= $2',
      [userIds, this.limit],
    );
    return new Set(rows.map((row) => row.user_id));
  }

  /** Throws `limit_exceeded` if the user's budget is used up. */
  async check(userId: string): Promise<void> {
    if ((await this.full([userId])).size === 0) return;
    throw new DomainError(
      'limit_exceeded',
      'The stored messages and alerts of this user have used up their storage budget.',
    );
  }

  /** Returns the notices that are due for the given users, at most one per user in 24 hours. */
  async dueNotices(tx: PoolClient, userIds: readonly string[], now: number): Promise<DueNotice[]> {
    const before = new Date(now - NOTICE_INTERVAL_MS);
    const { rows } = await tx.query<NoticeRow>(NOTICE, [userIds, new Date(now), before]);
    const limitMb = (this.limit ?? 0) / 1e6;
    return rows.map(({ user_id: userId, channel, target, bytes }) => {
      const reason = this.limit !== null && bytes >= this.limit ? 'stored' : 'unconfirmed';
      return { userId, channel, target, data: { reason, usedMb: Math.round(bytes / 1e5) / 10, limitMb } };
    });
  }

  /**
   * Deletes the oldest rows of users whose budget is nearly used up. `remove` deletes at most `most` of a user's oldest
   * rows and returns their number.
   */
  async trim(remove: (userId: string, most: number) => Promise<number>, stop: AbortSignal): Promise<void> {
    if (this.limit === null) return;
    const enough = this.limit * NEARLY_FULL_SHARE;
    const users = await this.database.query<{ user_id: string }>('SELECT user_id FROM user_storage WHERE bytes > $1', [
      enough,
    ]);
    for (const { user_id: userId } of users) {
      while (!stop.aborted && (await this.used(userId)) > enough && (await remove(userId, BATCH_SIZE)) > 0);
    }
  }
}

interface NoticeRow {
  user_id: string;
  channel: Channel;
  target: string;
  bytes: number;
}

/** Returns the sums by user over one or several lists. */
export function bytesOf(...lists: readonly (readonly UserBytes[])[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { user_id: userId, bytes } of lists.flat()) sums.set(userId, (sums.get(userId) ?? 0) + bytes);
  return sums;
}

function columnsOf(growth: readonly (readonly [string, number])[]): [string[], number[]] {
  return [growth.map(([userId]) => userId), growth.map(([, bytes]) => bytes)];
}

const GIVEN = 'unnest($1::text[], $2::bigint[]) AS g (user_id, bytes)';

const ADD = `
  INSERT INTO user_storage AS s (user_id, bytes) SELECT user_id, bytes FROM ${GIVEN} ORDER BY user_id
  ON CONFLICT (user_id) DO UPDATE SET bytes = s.bytes + excluded.bytes`;

const FREE = `
  UPDATE user_storage s SET bytes = greatest(0, s.bytes - gone.bytes)
  FROM (SELECT k.user_id, g.bytes FROM user_storage k JOIN ${GIVEN} USING (user_id) ORDER BY user_id FOR UPDATE OF k) gone
  WHERE s.user_id = gone.user_id`;

/** SQL of the notices. A notice is sent to the user's target that was confirmed first. */
const NOTICE = `
  UPDATE user_storage s SET noticed_at = $2
  FROM (SELECT DISTINCT ON (user_id) user_id, channel, target FROM notification_targets
    WHERE user_id = ANY($1) AND status = 'active' ORDER BY user_id, verified_at, id) t
  WHERE s.user_id = t.user_id AND (s.noticed_at IS NULL OR s.noticed_at <= $3)
  RETURNING s.user_id, t.channel, t.target, s.bytes`;
