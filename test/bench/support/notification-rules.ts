import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { sha256 } from '../../../src/notifications/core/ids.js';
import { newWebhookSecret } from '../../../src/notifications/core/webhook-signature.js';
import { SecretBox } from '../../../src/platform/secrets/secret-box.js';
import { waitFor } from '../../support/wait-for.js';

export interface BenchRule {
  readonly token: string;
  /** Path of the sink to which the rule's messages are sent, one per rule. */
  readonly path: string;
}

/**
 * Inserts rules with all that belongs to them: per rule one user, one proven endpoint with a signing secret, and the
 * condition "price below 100". Written by SQL, because ten thousand requests are not part of the measurement; the
 * evaluators find the rules like any edit.
 */
export async function insertRules(
  client: Client,
  rules: readonly BenchRule[],
  sink: string,
  key: string,
): Promise<void> {
  const box = new SecretBox([key]);
  const rows = rules.map(({ token, path }) => {
    const targetId = randomUUID();
    const target = sink + path;
    return {
      user_id: `user${path}`,
      token,
      target,
      target_id: targetId,
      target_key: `\\x${sha256(target).toString('hex')}`,
      secret: box.seal(newWebhookSecret(), `webhook-secret:${targetId}`),
    };
  });
  await client.query('BEGIN');
  await client.query(
    `CREATE TEMP TABLE bench_rules ON COMMIT DROP AS SELECT * FROM jsonb_to_recordset($1::jsonb)
       AS r(user_id text, token text, target text, target_id uuid, target_key text, secret text)`,
    [JSON.stringify(rows)],
  );
  await client.query(
    `INSERT INTO notification_targets (id, user_id, channel, target, target_key, status, verified_at)
     SELECT target_id, user_id, 'webhook', target, target_key::bytea, 'active', now() FROM bench_rules`,
  );
  await client.query('INSERT INTO webhook_secrets (target_id, sealed) SELECT target_id, secret FROM bench_rules');
  await client.query(
    `WITH made AS (
       INSERT INTO alert_rules (user_id, name, conditions, actions, throttle_minutes, mode)
       SELECT user_id, 'below 100', jsonb_build_array(jsonb_build_object('token', token, 'metric', 'price',
           'operator', 'lt', 'threshold', 100)),
         jsonb_build_array(jsonb_build_object('type', 'webhook', 'target', target)), 0, 'crossing' FROM bench_rules
       RETURNING rule_id, shard),
     counted AS (
       UPDATE alert_shards s SET rules_revision = rules_revision + n
       FROM (SELECT shard, count(*) AS n FROM made GROUP BY shard) m WHERE m.shard = s.shard
       RETURNING s.shard, s.rules_revision - n AS base)
     INSERT INTO alert_rule_edits (shard, revision, rule_id)
     SELECT shard, base + row_number() OVER (PARTITION BY shard), rule_id FROM made JOIN counted USING (shard)`,
  );
  await client.query('COMMIT');
  await client.query('ANALYZE notification_targets, webhook_secrets, alert_rules');
  await untilNone(client, 'SELECT count(*) AS n FROM alert_rule_edits');
}

/** Waits until the SQL count is 0. */
async function untilNone(client: Client, sql: string): Promise<void> {
  const isNone = async () => Number((await client.query<{ n: string }>(sql)).rows[0]?.n) === 0;
  await waitFor(isNone, { what: `0 of ${sql}`, timeoutMs: 60_000, everyMs: 50 });
}
