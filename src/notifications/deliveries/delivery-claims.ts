import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { PROBE_LEASE_MS } from '../core/breaker.js';
import { admit, type Admission, type DeliveryLimits } from '../core/admission.js';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import { Settings } from '../../platform/settings/settings.js';
import { Batcher } from './batcher.js';
import { DeliveryMetrics } from './delivery-metrics.js';
import { claimed, type CandidateRow, type ClaimedDelivery } from './delivery-row.js';
import type { Lane } from './lanes.js';

/** Longer than the slowest attempt (a mail, 30 s) with everything around it: then whoever was sending it is dead. */
export const SENDING_LEASE_MS = 60_000;
const MOST_AT_ONCE = 250;
/** Mails of one digest. What is beyond leaves in the next one. */
const DIGEST_MEMBERS = 200;

/** What a job is told: send this, or nothing to do, or take the other lane. */
export type Claim = ClaimedDelivery | 'done' | 'slow';

/** Takes deliveries out of the waiting ones, each by one worker only, and sorts out what must not leave now. */
@Injectable()
export class DeliveryClaims {
  private readonly limits: DeliveryLimits;
  private readonly batchers: Record<Lane, Batcher<string, Claim>>;

  constructor(
    private readonly database: Database,
    private readonly metrics: DeliveryMetrics,
    private readonly clock: Clock,
    settings: Settings,
  ) {
    this.limits = { webhookRate: settings.webhookRate, mailDaily: settings.mailDaily };
    // One batch after the other: each counts what the one before let leave.
    this.batchers = {
      main: new Batcher((ids) => this.claimAll(ids, 'main'), MOST_AT_ONCE, 1),
      slow: new Batcher((ids) => this.claimAll(ids, 'slow'), MOST_AT_ONCE, 1),
    };
  }

  claim(id: string, lane: Lane): Promise<Claim> {
    return this.batchers[lane].add(id);
  }

  private claimAll(ids: readonly string[], lane: Lane): Promise<Claim[]> {
    return this.database.transaction(async (tx) => {
      // Losing a claim in a crash of the server costs a repetition with the same id, which is promised anyway.
      await tx.query('SET LOCAL synchronous_commit = off');
      const { rows } = await tx.query<CandidateRow>(CANDIDATES, [ids]);
      const now = this.clock.now();
      const asked = decide(rows, this.limits, lane, now);
      const members = await this.digestMembers(tx, asked);
      const decisions = [...asked, ...decide(members, this.limits, lane, now)];
      await this.takeProbes(tx, decisions, now);
      await this.store(tx, decisions, now);
      return answers(ids, decisions, now);
    });
  }

  /** The other messages that are due in the digests that leave: those of one that does not leave have nobody to send them. */
  private async digestMembers(tx: PoolClient, asked: readonly Decision[]): Promise<CandidateRow[]> {
    const leaving = asked.filter(({ row, admission }) => row.digest && admission.action === 'send');
    const targets = leaving.map(({ row }) => row.target_id);
    if (targets.length === 0) return [];
    const known = asked.map(({ row }) => row.id);
    return (await tx.query<CandidateRow>(MEMBERS, [targets, known, DIGEST_MEMBERS])).rows;
  }

  /** One probe per half-open endpoint, whichever worker comes first; the others wait for what it finds. */
  private async takeProbes(tx: PoolClient, decisions: Decision[], now: number): Promise<void> {
    const probes = decisions.filter(({ admission }) => admission.action === 'probe');
    if (probes.length === 0) return;
    const taken = await tx.query<{ id: string }>(
      `UPDATE notification_targets SET breaker_open_until = $2 WHERE id = ANY($1) AND breaker_open_until <= $3 RETURNING id`,
      [probes.map(({ row }) => row.target_id), new Date(now + PROBE_LEASE_MS), new Date(now)],
    );
    const free = new Set(taken.rows.map(({ id }) => id));
    for (const probe of probes) {
      const first = free.delete(probe.row.target_id ?? '');
      probe.admission = first
        ? { action: 'send' }
        : { action: 'defer', until: now + PROBE_LEASE_MS, reason: 'endpoint_failing' };
    }
  }

  private async store(tx: PoolClient, decisions: readonly Decision[], now: number): Promise<void> {
    const sent = decisions.filter(({ admission }) => admission.action === 'send').map(({ row }) => row.id);
    if (sent.length > 0) await tx.query(START, [sent, new Date(now + SENDING_LEASE_MS), new Date(now)]);
    const others = decisions.flatMap(({ row, admission }) => change(row, admission) ?? []);
    if (others.length === 0) return;
    await tx.query(PUT_OFF, [JSON.stringify(others)]);
    for (const { channel, state, finished } of others) if (finished) this.metrics.count(channel, state);
  }
}

interface Decision {
  row: CandidateRow;
  admission: Admission;
}

function decide(rows: readonly CandidateRow[], limits: DeliveryLimits, lane: Lane, now: number): Decision[] {
  const leaving = new Map<string, number>();
  const digests = new Set<string>();
  return rows.map((row) => {
    const key = row.target_id ?? '';
    const more = leaving.get(key) ?? 0;
    const joins = row.digest && digests.has(key);
    const target = row.status && { status: row.status, openUntil: row.breaker_open_until?.getTime() ?? null };
    const { type, channel, digest, bounced } = row;
    const recent = row.recent + more;
    const expiresAt = row.expires_at.getTime();
    const admission = admit(
      { type, channel, digest, bounced, recent, expiresAt, target: target ?? undefined },
      limits,
      lane,
      now,
    );
    if (admission.action === 'send' && !joins) leaving.set(key, more + 1);
    if (admission.action === 'send' && digest) digests.add(key);
    return { row, admission };
  });
}

interface RowChange {
  id: string;
  channel: string;
  state: string;
  reason: string;
  until: Date | null;
  digest: boolean;
  finished: boolean;
}

function change(row: CandidateRow, admission: Admission): RowChange | undefined {
  const { id, channel } = row;
  if (admission.action === 'finish') {
    const { state, reason } = admission;
    return { id, channel, state, reason, until: null, digest: row.digest, finished: true };
  }
  if (admission.action !== 'defer') return undefined;
  // Within its life: the last look finds it expired.
  const until = new Date(Math.min(admission.until, row.expires_at.getTime()));
  const digest = row.digest || admission.digest === true;
  return { id, channel, state: row.state, reason: admission.reason, until, digest, finished: false };
}

/** Digests leave as one claim with members; each id gets its answer. Two jobs may ask for one delivery: the first gets it. */
function answers(ids: readonly string[], decisions: readonly Decision[], now: number): Claim[] {
  const leads = new Map<string, string>();
  const members = new Map<string, ClaimedDelivery[]>();
  for (const { row, admission } of decisions) {
    if (!row.digest || admission.action !== 'send' || row.target_id === null) continue;
    const lead = leads.get(row.target_id);
    if (lead === undefined) leads.set(row.target_id, row.id);
    else members.set(lead, [...(members.get(lead) ?? []), claimed(row, now, [])]);
  }
  const byId = new Map(decisions.map((decision) => [decision.row.id, decision]));
  return ids.map((id) => {
    const { row, admission } = byId.get(id) ?? {};
    byId.delete(id);
    if (row === undefined || admission === undefined) return 'done';
    if (admission.action === 'defer' && admission.slow) return 'slow';
    if (admission.action !== 'send') return 'done';
    const joined = row.digest && leads.get(row.target_id ?? '') !== id;
    return joined ? 'done' : claimed(row, now, members.get(id) ?? []);
  });
}

const COLUMNS = `
  SELECT d.id, d.position, d.user_id, d.target_id, d.channel, d.target, d.type, d.data, d.template, d.format, d.priority,
    d.digest, d.collapse_key, d.state, d.attempts, d.tries, d.created_at, d.expires_at, t.status, t.sealed,
    t.breaker_open_until,
    CASE WHEN d.channel = 'webhook' THEN ARRAY(SELECT s.sealed FROM webhook_secrets s WHERE s.target_id = t.id
      AND (s.retires_at IS NULL OR s.retires_at > now()) ORDER BY s.id DESC LIMIT 3) ELSE '{}' END AS secrets,
    CASE d.channel
      WHEN 'webhook' THEN (SELECT count(*) FROM deliveries r
        WHERE r.target_id = t.id AND r.started_at > now() - interval '1 minute')
      WHEN 'email' THEN (SELECT count(*) FROM deliveries r
        WHERE r.target_id = t.id AND r.started_at > now() - interval '1 day' AND NOT r.digest)
      ELSE 0 END AS recent,
    d.channel = 'email' AND EXISTS (SELECT FROM mail_suppressions m WHERE m.address_key = t.target_key) AS bounced
  FROM deliveries d LEFT JOIN notification_targets t ON t.id = d.target_id`;

/** A clock of another machine may be a moment ahead. */
const WAITING = `d.state IN ('pending', 'retrying') AND d.next_attempt_at <= now() + interval '1 second'`;

const CANDIDATES = `${COLUMNS} WHERE d.id = ANY($1) AND ${WAITING} ORDER BY d.position FOR UPDATE OF d SKIP LOCKED`;

const MEMBERS = `${COLUMNS} WHERE d.target_id = ANY($1) AND d.digest AND NOT d.id = ANY($2) AND ${WAITING}
  ORDER BY d.position LIMIT $3 FOR UPDATE OF d SKIP LOCKED`;

const START = `
  UPDATE deliveries SET state = 'sending', reason = NULL, attempts = attempts + 1, tries = tries + 1, due_at = $2,
    started_at = $3 WHERE id = ANY($1)`;

const PUT_OFF = `
  UPDATE deliveries d SET state = c.state, reason = c.reason, digest = c.digest,
    next_attempt_at = coalesce(c.until, d.next_attempt_at), due_at = coalesce(c.until, d.due_at),
    finished_at = CASE WHEN c.finished THEN now() END
  FROM jsonb_to_recordset($1::jsonb) AS c(id uuid, state text, reason text, until timestamptz, digest boolean,
    finished boolean)
  WHERE d.id = c.id`;
