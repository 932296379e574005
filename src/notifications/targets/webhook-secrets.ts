import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { newWebhookSecret } from '../core/webhook-signature.js';
import { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { SecretBox } from '../../platform/secrets/secret-box.js';
import type { WebhookSecretView } from './targets.dto.js';

/** How long an old secret still signs beside the new one. */
const OVERLAP_HOURS = 24;
/** Besides the current one. */
const MOST_OLD = 2;

/** What a secret is sealed for: a row moved to another endpoint does not open. */
export function secretContext(targetId: string): string {
  return `webhook-secret:${targetId}`;
}

/** Signing secrets, one current per endpoint; kept encrypted, because they must sign. */
@Injectable()
export class WebhookSecrets {
  constructor(
    private readonly database: Database,
    private readonly box: SecretBox,
  ) {}

  /** The first secret of an endpoint. */
  async begin(tx: PoolClient, targetId: string): Promise<void> {
    await tx.query('INSERT INTO webhook_secrets (target_id, sealed) VALUES ($1, $2)', [
      targetId,
      this.box.seal(newWebhookSecret(), secretContext(targetId)),
    ]);
  }

  /** The current secret of each of the user's endpoints. */
  async list(userId: string): Promise<WebhookSecretView[]> {
    const rows = await this.database.query<SecretRow>(`${CURRENT} ORDER BY t.created_at, t.id`, [userId]);
    return rows.map((row) => this.view(row));
  }

  /** A new secret for one endpoint; without `target` for the only one there is. */
  async rotate(userId: string, target?: string): Promise<WebhookSecretView> {
    return this.database.transaction(async (tx) => {
      const { rows } = await tx.query<{ id: string }>(
        `SELECT id FROM notification_targets WHERE user_id = $1 AND channel = 'webhook'
           AND ($2::text IS NULL OR target = $2) ORDER BY id FOR UPDATE`,
        [userId, target ?? null],
      );
      const [endpoint] = rows;
      if (endpoint === undefined) throw new DomainError('not_found', 'There is no such webhook endpoint.');
      if (rows.length > 1) {
        throw new DomainError('invalid_request', 'There are several endpoints; name one as target.', {
          field: 'target',
        });
      }
      await this.replace(tx, endpoint.id);
      const [row] = (await tx.query<SecretRow>(`${CURRENT} AND t.id = $2`, [userId, endpoint.id])).rows;
      if (row === undefined) throw new DomainError('not_found', 'There is no such webhook endpoint.');
      return this.view(row);
    });
  }

  private async replace(tx: PoolClient, targetId: string): Promise<void> {
    await tx.query(
      `UPDATE webhook_secrets SET retires_at = now() + $2 * interval '1 hour' WHERE target_id = $1 AND retires_at IS NULL`,
      [targetId, OVERLAP_HOURS],
    );
    await this.begin(tx, targetId);
    await tx.query(
      `DELETE FROM webhook_secrets WHERE target_id = $1 AND id NOT IN
         (SELECT id FROM webhook_secrets WHERE target_id = $1 AND (retires_at IS NULL OR retires_at > now())
          ORDER BY id DESC LIMIT $2)`,
      [targetId, MOST_OLD + 1],
    );
  }

  private view({ id, target, sealed, created_at: createdAt, previous_until: until }: SecretRow): WebhookSecretView {
    return {
      target,
      secret: this.box.open(sealed, secretContext(id)),
      createdAt: createdAt.toISOString(),
      previousValidUntil: until?.toISOString() ?? null,
    };
  }
}

interface SecretRow {
  id: string;
  target: string;
  sealed: string;
  created_at: Date;
  previous_until: Date | null;
}

const CURRENT = `
  SELECT t.id, t.target, s.sealed, s.created_at, (SELECT max(o.retires_at) FROM webhook_secrets o
    WHERE o.target_id = t.id AND o.retires_at > now()) AS previous_until
  FROM notification_targets t JOIN webhook_secrets s ON s.target_id = t.id AND s.retires_at IS NULL
  WHERE t.user_id = $1 AND t.channel = 'webhook'`;
