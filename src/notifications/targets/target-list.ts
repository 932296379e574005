import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { PoolClient } from 'pg';
import { Raw, Repository } from 'typeorm';
import { CHANNELS, channelsWhere } from '../core/channels/catalogue.js';
import { sha256 } from '../core/ids.js';
import { PublicLinks } from '../templates/public-links.js';
import { Database } from '../../platform/database/database.js';
import { columnsOf } from '../../platform/database/entity-options.js';
import { actAs } from '../../platform/fairness/working-for.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { inputFault } from '../../platform/input/faults.js';
import { TargetEntity } from './target.entity.js';
import { TargetHealth } from '../deliveries/target-health.js';
import { TargetRules } from './target-rules.js';
import { Targets } from './targets.js';
import type { TargetView } from './targets.dto.js';

/** Minimum time between two proofs of one target, minutes, so that its receiver is not flooded. */
const PROOF_INTERVAL_MINUTES = 5;
/** Maximum number of attempts to enter one code. */
const MAX_CODE_TRIES = 5;
/**
 * Maximum number of confirmation mails per day to one address for one user, because these mails also reach people who
 * never consented or who unsubscribed.
 */
const MAX_CONFIRMATIONS_A_DAY = 5;

/** Targets as their owners see them, and the actions of links in mails. */
@Injectable()
export class TargetList {
  constructor(
    @InjectRepository(TargetEntity) private readonly stored: Repository<TargetEntity>,
    private readonly database: Database,
    private readonly targets: Targets,
    private readonly rules: TargetRules,
    private readonly health: TargetHealth,
    private readonly links: PublicLinks,
  ) {}

  async list(userId: string): Promise<TargetView[]> {
    return (await this.stored.find({ where: { userId }, order: { createdAt: 'ASC', id: 'ASC' } })).map(view);
  }

  /** Starts the proof of a pending target again, or restores a disabled target by a new proof. */
  async verify(userId: string, id: string): Promise<TargetView> {
    const columns = columnsOf(this.stored);
    // Plain SQL: locks the row, and counts the mails to it.
    return this.database.transaction(async (tx) => {
      const { rows } = await tx.query<TargetEntity & { recently: boolean; confirmations: number }>(
        `SELECT ${columns}, sealed, coalesce(verification_started_at > now() - $3 * interval '1 minute', false) AS recently,
           (SELECT count(*) FROM deliveries d WHERE d.target_id = t.id AND d.type = 'target.confirm'
              AND d.started_at > now() - interval '1 day') AS confirmations
         FROM notification_targets t WHERE id = $1 AND user_id = $2 FOR UPDATE`,
        [id, userId, PROOF_INTERVAL_MINUTES],
      );
      const [row] = rows;
      if (row === undefined) throw new DomainError('not_found', 'Target not found.');
      if (row.status === 'active') return view(row);
      if (CHANNELS[row.channel].onDead === 'forget' && row.sealed === null) {
        throw new DomainError('conflict', 'Register the device again to get a new token.');
      }
      if (row.recently) {
        throw new DomainError(
          'rate_limited',
          `A proof of ownership of this target was requested less than ${PROOF_INTERVAL_MINUTES} minutes ago; retry later.`,
          {
            retryAfterMs: PROOF_INTERVAL_MINUTES * 60_000,
          },
        );
      }
      if (row.confirmations >= MAX_CONFIRMATIONS_A_DAY) {
        throw new DomainError(
          'rate_limited',
          'Too many confirmation mails to this address within 24 hours; retry later.',
          {
            retryAfterMs: 3_600_000,
          },
        );
      }
      await this.targets.startProof(tx, { id, userId, channel: row.channel, target: row.target });
      if (this.rules.normalise(row.channel, row.target).status === 'active') await this.health.activate(tx, id);
      const [changed] = (
        await tx.query<TargetEntity>(`SELECT ${columns} FROM notification_targets WHERE id = $1`, [id])
      ).rows;
      return view(changed ?? row);
    });
  }

  /** Returns the address that a confirmation link confirms; undefined if the link is no longer valid. */
  async confirmable(token: string): Promise<string | undefined> {
    const tokenExpiresAt = Raw((column) => `${column} > now()`);
    return (await byLink(() => this.stored.findOneBy({ tokenHash: sha256(token), tokenExpiresAt })))?.target;
  }

  /**
   * Confirms an address: the link proves access to its mailbox. Returns the address; undefined if the link is no longer
   * valid.
   */
  async confirm(token: string): Promise<string | undefined> {
    // Plain SQL: locks the row before its messages and the user's preferences.
    const confirming = async (tx: PoolClient): Promise<string | undefined> => {
      const { rows } = await tx.query<{ id: string; user_id: string; target: string }>(
        `SELECT id, user_id, target FROM notification_targets
         WHERE token_hash = $1 AND token_expires_at > now() AND channel = ANY($2) FOR UPDATE`,
        [sha256(token), channelsWhere(({ proof }) => proof.byLink)],
      );
      const [row] = rows;
      if (row === undefined) return undefined;
      await this.health.activate(tx, row.id);
      // The confirmation is newer than the user's preference `unsubscribed`, so mails are sent again.
      await tx.query(
        `UPDATE notification_preferences SET preferences = preferences || '{"unsubscribed": false}'
         WHERE user_id = $1 AND preferences -> 'unsubscribed' = 'true'`,
        [row.user_id],
      );
      return row.target;
    };
    return byLink(() => this.database.transaction(confirming));
  }

  /**
   * Confirms a target by the code that a hook or device received. Throws `invalid_request` for a wrong code; the number
   * of attempts is limited.
   */
  async confirmByCode(userId: string, id: string, code: string): Promise<TargetView> {
    // Plain SQL: one statement counts the attempt and judges it.
    const right = await this.database.transaction(async (tx) => {
      const { rows } = await tx.query<{ code_hash: Buffer | null; open: boolean }>(
        `UPDATE notification_targets SET code_tries = code_tries + 1 WHERE id = $1 AND user_id = $2
         RETURNING code_hash, status = 'pending' AND token_expires_at > now() AND code_tries <= ${MAX_CODE_TRIES} AS open`,
        [id, userId],
      );
      const [row] = rows;
      if (row === undefined) throw new DomainError('not_found', 'Target not found.');
      const matches = row.open && row.code_hash?.equals(sha256(`${id} ${code.replaceAll(/\s/g, '')}`)) === true;
      if (matches) await this.health.activate(tx, id);
      return matches;
    });
    if (!right) {
      const detail = 'is not the code that was sent last, or was tried too often; request a new one';
      throw inputFault('invalid_request', '/code', 'wrong_code', detail, { message: `The code ${detail}.` });
    }
    const row = await this.stored.findOneBy({ id });
    if (row === null) throw new DomainError('not_found', 'Target not found.');
    return view(row);
  }

  /**
   * Stops mails of this user to this address. Returns the address; undefined for a link that this service did not create.
   */
  async unsubscribe(token: string): Promise<string | undefined> {
    const id = this.links.unsubscribedTarget(token);
    if (id === undefined) return undefined;
    const update = this.stored.createQueryBuilder().update().where({ id }).returning(['target']);
    const change = { status: 'disabled', statusReason: 'unsubscribed', tokenHash: null } as const;
    const changed = await byLink(() => update.set({ ...change, statusSince: () => 'now()' }).execute());
    const [row]: Pick<TargetEntity, 'target'>[] = changed.raw;
    return row?.target;
  }

  /** Returns the address that an unsubscribe link would unsubscribe. */
  async unsubscribable(token: string): Promise<string | undefined> {
    const id = this.links.unsubscribedTarget(token);
    if (id === undefined) return undefined;
    return (await byLink(() => this.stored.findOneBy({ id })))?.target;
  }
}

/** Runs the action of a link. The link is the proof, so the request has no user; the condition of the statement names the row. */
function byLink<T>(action: () => Promise<T>): Promise<T> {
  return actAs('process', action);
}

function view(row: TargetEntity): TargetView {
  const { id, channel, target, status, failures } = row;
  return {
    id,
    channel,
    target,
    status,
    failures,
    reason: row.statusReason,
    detail: row.statusDetail,
    since: row.statusSince?.toISOString() ?? null,
    pausedUntil: row.breakerOpenUntil?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    verifiedAt: row.verifiedAt?.toISOString() ?? null,
  };
}
