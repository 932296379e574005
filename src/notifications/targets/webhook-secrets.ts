import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { secretContext } from '../core/secret-contexts.js';
import { newWebhookSecret } from '../core/webhook-signature.js';
import { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { SecretBox } from '../../platform/secrets/secret-box.js';
import type { NewWebhookSecretView, WebhookSecretsView } from './targets.dto.js';

/** Time for which an old secret signs in addition to the new one, hours. */
const OVERLAP_HOURS = 24;
/** Maximum number of old secrets that sign in addition to the current one. */
const MAX_OLD_SECRETS = 2;
/** Number of characters of a secret that are shown, by which it is recognised. */
const SHOWN_CHARACTERS = 4;

/**
 * Signing secrets, one current secret per endpoint. They are stored encrypted, not hashed, because signing needs their
 * value. Plain SQL: secrets are read together with their endpoints, and rotated under the lock of the endpoint.
 */
@Injectable()
export class WebhookSecrets {
  constructor(
    private readonly database: Database,
    private readonly box: SecretBox,
  ) {}

  /** Creates and returns the first secret of an endpoint, or its next one. */
  async begin(tx: PoolClient, targetId: string): Promise<string> {
    const secret = newWebhookSecret();
    await tx.query('INSERT INTO webhook_secrets (target_id, sealed) VALUES ($1, $2)', [
      targetId,
      this.box.seal(secret, secretContext(targetId)),
    ]);
    return secret;
  }

  /** Returns the secrets that currently sign, for each of the user's endpoints, by their last characters. */
  async list(userId: string): Promise<WebhookSecretsView[]> {
    return endpointsOf(await this.database.query<SecretRow>(VALID, [userId, null])).map((rows) => this.view(rows));
  }

  /**
   * Creates a secret for one endpoint, which is shown only once; `target` may be omitted if the user has only one
   * endpoint.
   */
  async rotate(userId: string, target?: string): Promise<NewWebhookSecretView> {
    return this.database.transaction(async (tx) => {
      const { rows } = await tx.query<{ id: string }>(
        `SELECT id FROM notification_targets WHERE user_id = $1 AND channel = 'webhook'
           AND ($2::text IS NULL OR target = $2) ORDER BY id FOR UPDATE`,
        [userId, target ?? null],
      );
      const [endpoint] = rows;
      if (endpoint === undefined) throw new DomainError('not_found', 'Webhook endpoint not found.');
      if (rows.length > 1) {
        throw new DomainError('invalid_request', 'target must name one endpoint, because there are several.', {
          field: 'target',
        });
      }
      const secret = await this.replace(tx, endpoint.id);
      const valid = await tx.query<SecretRow>(VALID, [userId, endpoint.id]);
      return Object.assign(this.view(valid.rows), { secret });
    });
  }

  private async replace(tx: PoolClient, targetId: string): Promise<string> {
    await tx.query(
      `UPDATE webhook_secrets SET retires_at = now() + $2 * interval '1 hour' WHERE target_id = $1 AND retires_at IS NULL`,
      [targetId, OVERLAP_HOURS],
    );
    const secret = await this.begin(tx, targetId);
    await tx.query(
      `DELETE FROM webhook_secrets WHERE target_id = $1 AND id NOT IN
         (SELECT id FROM webhook_secrets WHERE target_id = $1 AND (retires_at IS NULL OR retires_at > now())
          ORDER BY id DESC LIMIT $2)`,
      [targetId, MAX_OLD_SECRETS + 1],
    );
    return secret;
  }

  /** Returns the secrets of one endpoint, the current one first. */
  private view(rows: readonly SecretRow[]): WebhookSecretsView {
    const secrets = rows.map((row) => ({
      last4: this.box.open(row.sealed, secretContext(row.id)).slice(-SHOWN_CHARACTERS),
      createdAt: row.created_at.toISOString(),
      validUntil: row.retires_at?.toISOString() ?? null,
    }));
    return {
      target: rows[0]?.target ?? '',
      createdAt: secrets[0]?.createdAt ?? '',
      previousValidUntil: secrets[1]?.validUntil ?? null,
      secrets,
    };
  }
}

/** Returns the rows grouped by endpoint. */
function endpointsOf(rows: readonly SecretRow[]): SecretRow[][] {
  return [...Map.groupBy(rows, ({ id }) => id).values()];
}

interface SecretRow {
  id: string;
  target: string;
  sealed: string;
  created_at: Date;
  retires_at: Date | null;
}

const VALID = `
  SELECT t.id, t.target, s.sealed, s.created_at, s.retires_at
  FROM notification_targets t JOIN webhook_secrets s ON s.target_id = t.id
  WHERE t.user_id = $1 AND t.channel = 'webhook' AND ($2::uuid IS NULL OR t.id = $2)
    AND (s.retires_at IS NULL OR s.retires_at > now())
  ORDER BY t.created_at, t.id, s.id DESC`;
