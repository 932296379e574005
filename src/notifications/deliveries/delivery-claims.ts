import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { PROBE_LEASE_MS } from '../core/breaker.js';
import { admit, type DeliveryLimits } from '../core/delivery-admission.js';
import { stillWanted } from '../core/still-wanted.js';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import { Settings } from '../../platform/settings/settings.js';
import { Batcher } from './batcher.js';
import { DeliveryMetrics } from './delivery-metrics.js';
import { candidates, leavesInDigest, putOff, targetOf, type Decision } from './candidates.js';
import { HAND_OVER_TIMEOUT_MS } from '../core/hand-over.js';
import { Holds } from './holds.js';
import { claimed, type CandidateRow, type ClaimedDelivery } from '../core/delivery-row.js';
import { askWishes, type Wishes } from './wishes.js';
import type { Lane } from '../core/channels/definition.js';

/**
 * Length of a claim, ms: longer than the slowest attempt (a mail, 30 s) and all work around it. A claim older than this
 * belongs to a dead process.
 */
const SENDING_LEASE_DURATION_MS = 60_000;
const MAX_BATCH = 250;
/** Maximum number of messages in one digest mail; further messages are sent in the next digest. */
const DIGEST_MEMBERS = 200;

/** Result of a claim: the delivery to send; `done`: nothing to do; `slow`: the delivery must take the slow lane. */
export type Claim = ClaimedDelivery | 'done' | 'slow';

/** Claims waiting deliveries, each for one worker only. Deliveries that must not be sent now are deferred or finished. */
@Injectable()
export class DeliveryClaims {
  private readonly limits: DeliveryLimits;
  private readonly candidates: string;
  private readonly members: string;
  private readonly batchers: Record<Lane, Batcher<string, Claim>>;

  constructor(
    private readonly database: Database,
    private readonly metrics: DeliveryMetrics,
    private readonly clock: Clock,
    private readonly holds: Holds,
    settings: Settings,
  ) {
    const { webhookRate, hostRate, userRate, mailDaily } = settings;
    this.limits = { webhookRate, hostRate, userRate, mailDaily };
    this.candidates = candidates(this.limits, OF_IDS);
    this.members = candidates(this.limits, OF_TARGETS, '$3');
    // One batch at a time, because each batch must count the messages that the previous one permitted.
    this.batchers = {
      main: new Batcher((ids) => this.claimAll(ids, 'main'), MAX_BATCH, 1),
      slow: new Batcher((ids) => this.claimAll(ids, 'slow'), MAX_BATCH, 1),
    };
  }

  claim(id: string, lane: Lane): Promise<Claim> {
    return this.batchers[lane].add(id);
  }

  /** Whether the claim is so old that an edit of its rules may already have been acknowledged. */
  isLate({ startedAt }: ClaimedDelivery): boolean {
    return this.clock.now() - startedAt > HAND_OVER_TIMEOUT_MS;
  }

  private claimAll(ids: readonly string[], lane: Lane): Promise<Claim[]> {
    return this.database.transaction(async (tx) => {
      // If a crash of PostgreSQL loses a claim, the message is repeated with the same id, which at-least-once delivery
      // permits.
      await tx.query('SET LOCAL synchronous_commit = off');
      const { rows } = await tx.query<CandidateRow>(this.candidates, [ids]);
      const now = this.clock.now();
      const asked = decide(rows, await askWishes(tx, rows, this.limits), this.limits, lane, now);
      const members = await this.digestMembers(tx, asked);
      const decisions = [
        ...asked,
        ...decide(members, await askWishes(tx, members, this.limits), this.limits, lane, now),
      ];
      await this.takeProbes(tx, decisions, now);
      await this.store(tx, decisions, now);
      this.holds.note(decisions, now);
      return answers(ids, decisions, now);
    });
  }

  /**
   * Returns the other due messages for the digests that are sent now. Messages for digests that are not sent now stay
   * unclaimed.
   */
  private async digestMembers(tx: PoolClient, asked: readonly Decision[]): Promise<CandidateRow[]> {
    const leaving = asked.filter(({ admission }) => leavesInDigest(admission));
    const targets = leaving.map(({ row }) => row.target_id);
    if (targets.length === 0) return [];
    const known = asked.map(({ row }) => row.id);
    return (await tx.query<CandidateRow>(this.members, [targets, known, DIGEST_MEMBERS])).rows;
  }

  /** Assigns one probe per half-open endpoint, to the first worker; other workers wait for its result. */
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
        ? { action: 'send', digest: probe.row.digest }
        : { action: 'defer', until: now + PROBE_LEASE_MS, reason: 'endpoint_failing' };
    }
  }

  private async store(tx: PoolClient, decisions: readonly Decision[], now: number): Promise<void> {
    const sent = decisions.filter(({ admission }) => admission.action === 'send');
    if (sent.length > 0) {
      const [ids, digests] = [sent.map(({ row }) => row.id), sent.map(({ admission }) => leavesInDigest(admission))];
      await tx.query(START, [ids, digests, new Date(now + SENDING_LEASE_DURATION_MS), new Date(now)]);
    }
    for (const { channel, state } of await putOff(tx, decisions)) this.metrics.count(channel, state);
  }
}

function decide(
  rows: readonly CandidateRow[],
  wishes: Wishes,
  limits: DeliveryLimits,
  lane: Lane,
  now: number,
): Decision[] {
  const leaving = new Map<string, number>();
  const digests = new Set<string>();
  return rows.map((row) => {
    const key = row.target_id ?? '';
    const more = leaving.get(key) ?? 0;
    const { type, channel, digest } = row;
    const candidate = {
      type,
      channel,
      digest,
      recent: row.recent + more,
      ...wishes.used(row),
      expiresAt: row.expires_at.getTime(),
      target: targetOf(row),
      wanted: stillWanted(wishes.question(row), now),
    };
    const admission = admit(candidate, limits, lane, now);
    const collected = leavesInDigest(admission);
    if (admission.action === 'send' && !(collected && digests.has(key))) {
      leaving.set(key, more + 1);
      wishes.leaves(row);
    }
    if (collected) digests.add(key);
    return { row: { ...row, data: wishes.messageOf(row, now) }, admission };
  });
}

/**
 * Returns the result for each id. A digest is one claim with members. If an id occurs twice, only the first gets the
 * delivery.
 */
function answers(ids: readonly string[], decisions: readonly Decision[], now: number): Claim[] {
  const leads = new Map<string, string>();
  const members = new Map<string, ClaimedDelivery[]>();
  for (const { row, admission } of decisions) {
    if (!leavesInDigest(admission) || row.target_id === null) continue;
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
    const joined = admission.digest && leads.get(row.target_id ?? '') !== id;
    return joined ? 'done' : claimed(row, now, members.get(id) ?? []);
  });
}

/** SQL condition of waiting deliveries. The tolerance of 1 s is for clocks of other machines that are slightly ahead. */
const WAITING = `d.state IN ('pending', 'retrying') AND d.awaited IS NULL
  AND d.next_attempt_at <= now() + interval '1 second'`;

const OF_IDS = `d.id = ANY($1) AND ${WAITING}`;

const OF_TARGETS = `d.target_id = ANY($1) AND d.digest AND NOT d.id = ANY($2) AND ${WAITING}`;

const START = `
  UPDATE deliveries d SET state = 'sending', reason = NULL, attempts = attempts + 1, tries = tries + 1, due_at = $3,
    started_at = $4, digest = s.digest FROM unnest($1::uuid[], $2::boolean[]) s(id, digest) WHERE d.id = s.id`;
