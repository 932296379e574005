import { randomBytes, randomInt } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { PoolClient } from 'pg';
import { Any, Repository } from 'typeorm';
import { confirmContext, targetContext } from '../core/secret-contexts.js';
import { CHANNELS, type Channel } from '../core/channels/catalogue.js';
import type { NormalisedTarget } from '../core/channels/definition.js';
import type { Format } from '../core/delivery.js';
import { formatFault } from '../core/format-fault.js';
import { SHOWN_CHARACTERS } from '../core/hook-forms.js';
import { newId, sha256 } from '../core/ids.js';
import { Deliveries } from '../deliveries/deliveries.js';
import { Clock } from '../../platform/clock/clock.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { inputFault } from '../../platform/input/faults.js';
import { SecretBox } from '../../platform/secrets/secret-box.js';
import { TargetEntity, type TargetStatus } from './target.entity.js';
import { TargetRules } from './target-rules.js';
import { WebhookSecrets } from './webhook-secrets.js';

interface ClaimedTarget {
  target: string;
  status: TargetStatus;
}

/** Validity of a challenge or a confirmation link, ms. */
const PROOF_TTL_MS = 3 * 86_400_000;
/** Length of the code that hooks and devices receive. */
const CODE_DIGITS = 8;
/** Maximum number of targets of one user, over all channels. */
const MAX_TARGETS = 1_000;

/**
 * Targets of messages, per user: checks and normalises them, and starts the proof that they belong to their user. Changes
 * are plain SQL, as they belong to the transaction of the caller, which locks and counts.
 */
@Injectable()
export class Targets {
  constructor(
    @InjectRepository(TargetEntity) private readonly stored: Repository<TargetEntity>,
    private readonly rules: TargetRules,
    private readonly deliveries: Deliveries,
    private readonly secrets: WebhookSecrets,
    private readonly box: SecretBox,
    private readonly clock: Clock,
  ) {}

  /**
   * Checks a target and registers it for its user; throws `invalid_request` for a target that can never be used. Its
   * proof of ownership starts when `tx` commits. A known target is not changed, even if it is disabled.
   */
  async claim(
    tx: PoolClient,
    userId: string,
    channel: Channel,
    target: string,
    shown = SHOWN_CHARACTERS,
  ): Promise<ClaimedTarget> {
    const normalised = this.rules.normalise(channel, target, shown);
    const known = await this.known(tx, userId, channel, normalised);
    if (known === 'another') return this.claim(tx, userId, channel, target, 2 * shown);
    if (known !== undefined) return known;
    await this.checkNumbers(tx, userId, channel, normalised);
    const id = newId(this.clock.now());
    const sealed = normalised.secret === undefined ? null : this.box.seal(normalised.secret, targetContext(id));
    const { rowCount } = await tx.query(
      `INSERT INTO notification_targets (id, user_id, channel, target, target_key, sealed, status, verified_at, host)
       VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN $7 = 'active' THEN now() END, $8)
       ON CONFLICT (user_id, channel, target_key) DO NOTHING`,
      [
        id,
        userId,
        channel,
        normalised.target,
        sha256(CHANNELS[channel].key(normalised.target)),
        sealed,
        normalised.status,
        normalised.host ?? null,
      ],
    );
    if (rowCount === 0) return this.claim(tx, userId, channel, target, shown);
    if (CHANNELS[channel].isSigned) await this.secrets.begin(tx, id);
    if (normalised.status === 'pending') await this.startProof(tx, { id, userId, channel, target: normalised.target });
    return { target: normalised.target, status: normalised.status };
  }

  /** Refuses an action with a format that its target cannot have; the error names the default format. */
  checkFormat(action: { type: Channel; target: string; format?: Format; template?: string }): void {
    const fault = formatFault(action);
    if (fault === undefined) return;
    throw inputFault('invalid_request', '/format', 'invalid_format', fault, { message: `The format ${fault}.` });
  }

  /** Returns the status of each known target, by its normalised form. */
  async statuses(userId: string, targets: readonly string[]): Promise<Map<string, TargetStatus>> {
    const rows = await this.stored.findBy({ userId, target: Any(targets) });
    return new Map(rows.map(({ target, status }) => [target, status]));
  }

  /**
   * Starts a proof with a new challenge or confirmation mail. Previous challenges and links of the target become invalid.
   */
  async startProof(
    tx: PoolClient,
    { id, userId, channel, target }: { id: string; userId: string; channel: Channel; target: string },
  ): Promise<void> {
    const token = randomBytes(24).toString('base64url');
    const code = String(randomInt(10 ** CODE_DIGITS)).padStart(CODE_DIGITS, '0');
    const expiresAt = new Date(this.clock.now() + PROOF_TTL_MS);
    const { type, byCode, data } = CHANNELS[channel].proof;
    await tx.query(
      `UPDATE notification_targets SET status = 'pending', status_reason = NULL, status_detail = NULL,
         status_since = NULL, token_hash = $2, token_expires_at = $3, code_hash = $4, code_tries = 0,
         verification_started_at = now(), failures = 0, first_failure_at = NULL, breaker_open_until = NULL,
         breaker_trips = 0, window_started_at = NULL, updated_at = now() WHERE id = $1`,
      [id, sha256(token), expiresAt, byCode ? sha256(`${id} ${code}`) : null],
    );
    const content = data(token, code, (secret) => this.box.seal(secret, confirmContext(id)));
    const ids = await this.deliveries.create(tx, [
      { userId, channel, target, type, data: content, priority: 'high', collapseKey: `proof:${id}`, expiresAt },
    ]);
    // Not enqueued here: the messages are due at once, so the sweeper finds them after the commit.
    await tx.query('UPDATE deliveries SET due_at = now() WHERE id = ANY($1)', [ids]);
  }

  /**
   * Returns the known target; `another`: the target with this name is a different hook, whose secret ends with the same
   * characters.
   */
  private async known(
    tx: PoolClient,
    userId: string,
    channel: Channel,
    { target, secret, status, reference }: NormalisedTarget,
  ): Promise<ClaimedTarget | 'another' | undefined> {
    const { rows } = await tx.query<ClaimedTarget & { id: string; sealed: string | null }>(
      `SELECT id, target, status, sealed FROM notification_targets
       WHERE user_id = $1 AND channel = $2 AND target_key = $3`,
      [userId, channel, sha256(CHANNELS[channel].key(target))],
    );
    const [row] = rows;
    if (row === undefined && reference === true) {
      throw new DomainError('invalid_request', 'Unknown target; send its complete address or token.', {
        field: 'target',
      });
    }
    if (row === undefined) return undefined;
    if (secret === undefined) return { target: row.target, status: row.status };
    if (CHANNELS[channel].hasShortNames && (this.secretOf(row) ?? secret) !== secret) return 'another';
    return { target: row.target, status: await this.renew(tx, { ...row, userId, channel, secret }, status) };
  }

  /** Returns the secret; undefined if the target has none, or if it can no longer be decrypted and must be given again. */
  private secretOf({ id, sealed }: { id: string; sealed: string | null }): string | undefined {
    try {
      return sealed === null ? undefined : this.box.open(sealed, targetContext(id));
    } catch {
      return undefined;
    }
  }

  /**
   * Renews a device that registers again with new keys: its name depends only on its endpoint. A disabled device must
   * confirm again.
   */
  private async renew(
    tx: PoolClient,
    row: { id: string; userId: string; channel: Channel; target: string; status: TargetStatus; secret: string },
    fresh: TargetStatus,
  ): Promise<TargetStatus> {
    const back = CHANNELS[row.channel].onDead === 'forget' && row.status === 'disabled';
    await tx.query(
      `UPDATE notification_targets SET sealed = $2, status = $3, updated_at = now(),
         status_reason = CASE WHEN $4 THEN NULL ELSE status_reason END WHERE id = $1`,
      [row.id, this.box.seal(row.secret, targetContext(row.id)), back ? fresh : row.status, back],
    );
    if (back && fresh === 'pending') await this.startProof(tx, row);
    return back ? fresh : row.status;
  }

  private async checkNumbers(
    tx: PoolClient,
    userId: string,
    channel: Channel,
    { target, status }: NormalisedTarget,
  ): Promise<void> {
    const { rows } = await tx.query<{ targets: number; pending: number; elsewhere: number }>(
      `SELECT count(*) AS targets, count(*) FILTER (WHERE channel = $3 AND status = 'pending') AS pending,
         unproven_targets($2) AS elsewhere
       FROM notification_targets WHERE user_id = $1`,
      [userId, sha256(CHANNELS[channel].key(target)), channel],
    );
    const { targets = 0, pending = 0, elsewhere = 0 } = rows[0] ?? {};
    if (targets >= MAX_TARGETS) throw limit(`A user must have at most ${MAX_TARGETS} targets.`);
    const { unproven } = CHANNELS[channel].limits;
    if (unproven === undefined || status !== 'pending') return;
    const { ofUser, ofTarget, noun } = unproven;
    if (pending >= ofUser) throw limit(`At most ${ofUser} ${noun} may wait for confirmation; confirm one first.`);
    if (elsewhere >= ofTarget) throw limit(`At most ${ofTarget} users may wait for the confirmation of one address.`);
  }
}

function limit(message: string): DomainError {
  return new DomainError('limit_exceeded', message, { field: 'target' });
}
