import { Injectable } from '@nestjs/common';
import { messageShares, type Claimant } from '../core/message-shares.js';
import { Database } from '../../platform/database/database.js';
import type { JobData } from './lanes.js';
import type { Receiver } from './receiver-lanes.js';

/** Time after which an unfinished delivery is taken again, ms. */
const RETAKE_DELAY_MS = 30_000;
/** Number of due deliveries up to which their targets are read from them. */
const MAX_LISTED_DUE = 1_000;
/** Maximum number of targets that share one sweep; the next one continues with the others. */
const MAX_TARGETS = 2_000;
const FIRST = '00000000-0000-0000-0000-000000000000';

/** Target with due deliveries; `slow`: it failed recently. */
type DueTarget = Receiver & { slow: boolean };

type DueDelivery = JobData & DueTarget;

/** Due deliveries, target by target: a million due deliveries of one target do not hide those of the others. */
@Injectable()
export class DueTargets {
  private after = FIRST;

  constructor(private readonly database: Database) {}

  /** Takes up to `most` due deliveries for which there is room; nobody else takes them within `RETAKE_DELAY_MS`. */
  async take(most: number, room: (target: DueTarget) => Claimant): Promise<DueDelivery[]> {
    const targets = await this.list();
    if (targets.length === 0) return [];
    const given = messageShares(targets.map(room), most);
    if (given.size === 0) return [];
    const known = new Map(targets.map((target) => [target.receiver, target]));
    const rows = await this.database.query<{ id: string; receiver: string }>(TAKE, [
      [...given.keys()],
      [...given.values()],
      RETAKE_DELAY_MS,
    ]);
    return rows.flatMap(({ id, receiver }) => {
      const target = known.get(receiver);
      return target === undefined ? [] : [{ ...target, id }];
    });
  }

  /** Returns the targets of the due deliveries, those that have waited longest first if they are few. */
  private async list(): Promise<DueTarget[]> {
    const few = await this.database.query<DueTarget & { due: number }>(TARGETS_OF_FEW, [MAX_LISTED_DUE]);
    if (few.reduce((sum, { due }) => sum + due, 0) < MAX_LISTED_DUE) return few;
    const targets = await this.database.query<DueTarget & { [column: string]: unknown }>(TARGETS, [
      this.after,
      MAX_TARGETS,
    ]);
    this.after = targets.length < MAX_TARGETS ? FIRST : (targets.at(-1)?.receiver ?? FIRST);
    return targets;
  }
}

const WAITING = `state IN ('pending', 'retrying')`;

const COLUMNS = 't.id AS receiver, t.user_id AS "user", t.channel, t.failures > 0 AS slow';

const TARGETS_OF_FEW = `
  SELECT ${COLUMNS}, d.due FROM (SELECT target_id, count(*)::int AS due, min(due_at) AS since
    FROM (SELECT target_id, due_at FROM deliveries WHERE ${WAITING} AND due_at <= now() ORDER BY due_at LIMIT $1) first
    GROUP BY target_id) d
  JOIN notification_targets t ON t.id = d.target_id ORDER BY d.since`;

/** SQL that steps through the index from target to target, without reading the deliveries in between. */
const TARGETS = `
  WITH RECURSIVE next AS (
    (SELECT target_id, due_at FROM deliveries WHERE ${WAITING} AND target_id > $1::uuid
      ORDER BY target_id, due_at, position LIMIT 1)
    UNION ALL
    SELECT step.target_id, step.due_at FROM next CROSS JOIN LATERAL (SELECT target_id, due_at FROM deliveries
      WHERE ${WAITING} AND target_id > next.target_id ORDER BY target_id, due_at, position LIMIT 1) step)
  SELECT ${COLUMNS} FROM next JOIN notification_targets t ON t.id = next.target_id WHERE next.due_at <= now()
  ORDER BY next.target_id LIMIT $2`;

const TAKE = `
  UPDATE deliveries d SET due_at = now() + $3 * interval '1 ms'
  FROM unnest($1::uuid[], $2::int[]) share (target_id, most) CROSS JOIN LATERAL (SELECT id FROM deliveries w
    WHERE w.target_id = share.target_id AND w.${WAITING} AND w.due_at <= now()
    ORDER BY w.due_at, w.position LIMIT share.most FOR UPDATE SKIP LOCKED) due
  WHERE d.id = due.id RETURNING d.id, d.target_id AS receiver`;
