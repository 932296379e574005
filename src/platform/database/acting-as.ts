import pg from 'pg';
import { currentActor } from '../fairness/working-for.js';
import { APP_ROLE, WORKER_ROLE } from './connection-options.js';

/**
 * Names of tables whose rows belong to users, and of functions that read such rows with the rights of their caller. A statement
 * that names one runs in a transaction that tells whom it serves. The policies of the tables decide what it sees: a name that
 * is missing here shows no rows, never those of others.
 */
export const OWNED_ROWS = [
  'alert_rules',
  'alert_rule_versions',
  'alert_rule_state',
  'alert_instances',
  'alert_transitions',
  'notification_targets',
  'notification_preferences',
  'notification_templates',
  'webhook_secrets',
  'deliveries',
  'delivery_attempts',
  'event_log',
  'read_event_log',
] as const;

/** Whether a statement must run in a transaction that tells whom it serves; a longer name that contains one counts too. */
export function namesOwnedRows(text: string): boolean {
  return OWNED_ROWS.some((name) => text.includes(name));
}

/**
 * Returns the SQL that begins a transaction for the current request or for the process itself. The settings end with the
 * transaction, so that a pooled connection carries none of them to the next request.
 */
export function beginAsCurrent(begin = 'BEGIN'): string {
  const actor = currentActor();
  if (actor === 'process') return `${begin}; SET LOCAL ROLE ${WORKER_ROLE}`;
  if (actor === 'nobody') return `${begin}; SET LOCAL ROLE ${APP_ROLE}`;
  const [id, role] = [pg.escapeLiteral(actor.id), pg.escapeLiteral(actor.role)];
  return `${begin}; SET LOCAL ROLE ${APP_ROLE}; SET LOCAL rta.user_id = ${id}; SET LOCAL rta.role = ${role}`;
}

/** Connection on which a statement of `runAsCurrent` runs. */
type Client = Pick<pg.PoolClient, 'query'>;

/**
 * Runs one statement in a transaction of its own for the current request or the process. The three commands are sent at
 * once, so that they take one round trip; the database rolls back instead of committing if the statement fails.
 */
export async function runAsCurrent<R>(client: Client, run: () => Promise<R>): Promise<R> {
  const [begun, done, ended] = await Promise.allSettled([
    client.query(beginAsCurrent()),
    run(),
    client.query('COMMIT'),
  ]);
  for (const step of [begun, done, ended]) if (step.status === 'rejected') throw step.reason;
  if (done.status === 'fulfilled') return done.value;
  throw done.reason;
}
