import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';
import { timeGiven } from '../../platform/input/time.js';
import { Database } from '../../platform/database/database.js';
import { withinPageBytes, type PageRow } from '../../platform/database/page-bytes.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { decodeNumber } from '../../platform/http/paging/list-cursor.js';
import { pageOf } from '../../platform/http/paging/page.js';
import type { Channel } from '../core/channels/catalogue.js';
import type { DeliveryState, MessageType, SystemType } from '../core/delivery.js';
import type { AttemptView, DeliveriesQuery, DeliveryDetail, DeliveryPage, DeliveryView } from './deliveries.dto.js';

/** Lists deliveries and their attempts for their owners. */
@Injectable()
export class DeliveryLog {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** Lists deliveries, newest first. */
  async list(userId: string, query: DeliveriesQuery): Promise<DeliveryPage> {
    const { limit, cursor, ...filters } = query;
    const { state = null, channel = null, ruleId = null, type = null } = filters;
    const scope = ['deliveries', filters];
    const now = this.clock.now();
    const [from, to] = [timeGiven(query.from, now), timeGiven(query.to, now)];
    const given = [userId, decodeNumber(scope, cursor), state, channel, ruleId, limit + 1, type, from, to];
    const rows = await this.database.query<DeliveryRow & PageRow>(LIST, given);
    return pageOf(rows, { scope, limit, position: (row) => row.position, found: rows[0]?.found }, view);
  }

  async get(userId: string, id: string): Promise<DeliveryDetail> {
    const row = await this.database.one<DeliveryRow & { data: object }>(ONE, [id, userId]);
    if (row === undefined) throw new DomainError('not_found', 'Delivery not found.');
    const attempts = await this.database.query<AttemptRow>(
      `SELECT n, trigger, started_at, duration_ms, outcome, status_code, detail, response_head FROM delivery_attempts
       WHERE delivery_id = $1 ORDER BY n`,
      [id],
    );
    // Hidden, because challenges and confirmation links would let the user confirm a target that belongs to someone else.
    const data = isShown(row.type) ? row.data : null;
    return Object.assign(view(row), { data, attemptLog: attempts.map(attemptView) });
  }
}

interface DeliveryRow {
  [column: string]: unknown;
  id: string;
  position: number;
  type: MessageType | SystemType;
  channel: Channel;
  target: string;
  state: DeliveryState;
  reason: string | null;
  rule_id: string | null;
  attempts: number;
  next_attempt_at: Date;
  created_at: Date;
  expires_at: Date;
  finished_at: Date | null;
}

interface AttemptRow {
  [column: string]: unknown;
  n: number;
  trigger: AttemptView['trigger'];
  started_at: Date;
  duration_ms: number;
  outcome: AttemptView['outcome'];
  status_code: number | null;
  detail: string | null;
  response_head: string | null;
}

const SHOWN = `id, position, type, channel, target, state, reason, data ->> 'ruleId' AS rule_id, attempts, next_attempt_at,
  created_at, expires_at, finished_at`;

const ONE = `SELECT ${SHOWN}, data FROM deliveries WHERE id = $1 AND user_id = $2`;

const LIST = withinPageBytes(
  `
SELECT ${SHOWN} FROM deliveries
WHERE user_id = $1 AND ($2::bigint IS NULL OR position < $2) AND ($3::text IS NULL OR state = $3)
  AND ($4::text IS NULL OR channel = $4) AND ($5::text IS NULL OR data ->> 'ruleId' = $5)
  AND ($7::text IS NULL OR type = $7) AND ($8::timestamptz IS NULL OR created_at >= $8)
  AND ($9::timestamptz IS NULL OR created_at < $9)
ORDER BY position DESC LIMIT $6`,
  'octet_length(p.target) + coalesce(octet_length(p.reason), 0) + 500',
);

function view(row: DeliveryRow): DeliveryView {
  const { id, type, channel, target, state, reason, attempts, rule_id } = row;
  const waits = state === 'pending' || state === 'retrying';
  return {
    id,
    type,
    channel,
    target,
    state,
    reason,
    attempts,
    ruleId: rule_id,
    nextAttemptAt: waits ? row.next_attempt_at.toISOString() : null,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    finishedAt: row.finished_at?.toISOString() ?? null,
  };
}

function attemptView(row: AttemptRow): AttemptView {
  return {
    attempt: row.n,
    trigger: row.trigger,
    startedAt: row.started_at.toISOString(),
    durationMs: row.duration_ms,
    outcome: row.outcome,
    statusCode: row.status_code,
    detail: row.detail,
    response: row.response_head,
  };
}

function isShown(type: MessageType | SystemType): boolean {
  return type === 'test' || type.startsWith('alert.');
}
