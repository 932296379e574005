import type { PoolClient } from 'pg';
import { appendEvents, isFor, parseEventId, type LogEvent } from '../../events/index.js';
import type { AlertMessage, Deliveries, NewDelivery } from '../../notifications/index.js';
import { isoTime } from '../../platform/input/time.js';
import { alertEvent } from './alert-event.js';
import { flapKey } from '../messages/alert-message.js';
import type { Outcome } from '../messages/plan-messages.js';

/** Age up to which the retraction of an alert is sent, ms. */
const MAX_RETRACTION_AGE_MS = 86_400_000;

/** Events that one `chain_reorg` retracts. */
interface Retraction {
  /** Position of the row in the log, and its time, Unix ms. */
  readonly seq: number;
  readonly at: number;
  readonly chain: string;
  /** Positions of the events in the log. */
  readonly seqs: readonly number[];
}

/** Rows of the log that change what became of earlier on-chain events, collected until the next commit. */
export class ChainRows {
  readonly retractions: Retraction[] = [];
  /** Events that have become final, by their identity. */
  readonly final: string[] = [];

  /** Number of events that the rows name. */
  get weight(): number {
    return this.retractions.reduce((sum, { seqs }) => sum + seqs.length, this.final.length);
  }

  /** Notes a row; others than those about chains are ignored. */
  note({ type, data, seq, loggedAt, chain }: LogEvent): void {
    if (type === 'chain_reorg') {
      const retracted: unknown = data?.['retracted'];
      const seqs = Array.isArray(retracted) ? retracted.flatMap((id) => parseEventId(id)?.seq ?? []) : [];
      if (seqs.length > 0) this.retractions.push({ seq, at: loggedAt, chain: chain ?? '', seqs });
    }
    const id = data?.['onchainId'];
    if (type === 'onchain_event' && typeof id === 'string' && isFor('final', { type, data })) this.final.push(id);
  }
}

interface RetractedRow {
  [column: string]: unknown;
  id: string;
  user_id: string;
  rule_id: string;
  instance_key: string;
  alert: AlertMessage;
  outcome: Outcome;
  undone: string[];
}

/**
 * Takes back the alerts of one shard whose events were retracted, each once, and releases messages whose events are final;
 * returns the ids of messages to announce. An alert of the same event in a later branch is another one and is not concerned.
 */
export async function settleChainRows(
  tx: PoolClient,
  deliveries: Deliveries,
  { retractions, final }: ChainRows,
  shard: number,
  now: number,
): Promise<string[]> {
  const ids = await deliveries.becameFinal(tx, final);
  for (const retraction of retractions) {
    const { rows: known } = await tx.query<{ id: string }>(ONCHAIN_IDS, [retraction.seqs]);
    const onchainIds = known.map(({ id }) => id);
    if (onchainIds.length === 0) continue;
    const { rows } = await tx.query<RetractedRow>(RETRACT, [
      onchainIds,
      retraction.seq,
      new Date(retraction.at),
      shard,
    ]);
    ids.push(
      ...(await retract(tx, deliveries, rows, retraction, now)),
      ...(await deliveries.becameFinal(tx, onchainIds)),
    );
  }
  return ids;
}

async function retract(
  tx: PoolClient,
  deliveries: Deliveries,
  rows: readonly RetractedRow[],
  { at, chain }: Retraction,
  now: number,
): Promise<string[]> {
  const notified = rows.filter(({ outcome }) => outcome.suppressed === undefined);
  if (notified.length === 0) return [];
  const alerts = new Map(notified.map((row) => [row.id, { row, alert: retracted(row.alert, at, chain) }]));
  await appendEvents(
    tx,
    Array.from(alerts.values(), ({ row, alert }) => alertEvent(alert, row.user_id, at)),
  );
  const copies = await deliveries.retract(
    tx,
    notified.map(({ id, outcome: { groupedIn }, undone }) => ({
      alertId: id,
      ...(groupedIn === undefined ? {} : { groupedIn }),
      onchainIds: undone,
    })),
  );
  return deliveries.create(
    tx,
    copies.flatMap(({ alertId, channel, target, template, format }): NewDelivery[] => {
      const found = alerts.get(alertId);
      if (found === undefined) return [];
      const { row, alert } = found;
      return [
        {
          userId: row.user_id,
          channel,
          target,
          type: 'alert.retracted',
          data: alert,
          // A user's text about a firing would tell of it once more; a JSON template has the state.
          ...(format === 'json' && template !== null ? { template } : {}),
          ...(format === null ? {} : { format }),
          priority: alert.priority,
          collapseKey: flapKey({ ruleId: row.rule_id, instanceKey: row.instance_key }),
          standalone: true,
          expiresAt: new Date(now + MAX_RETRACTION_AGE_MS),
          transitionId: alertId,
        },
      ];
    }),
  );
}

function retracted(alert: AlertMessage, at: number, chain: string): AlertMessage {
  const message = `${alert.message} (retracted: a reorganisation of ${chain} undid it)`;
  return { ...alert, state: 'retracted', message, at: isoTime(at) };
}

const ONCHAIN_IDS = `
SELECT DISTINCT data ->> 'onchainId' AS id FROM event_log WHERE seq = ANY ($1::bigint[]) AND type = 'onchain_event'`;

/** Alerts that were caused before the reorganisation; a summary has no event of its own and is placed by its time. */
const RETRACT = `
UPDATE alert_transitions t SET retracted_at = $3 FROM alert_rules r
WHERE t.onchain_ids && $1::text[] AND t.retracted_at IS NULL AND coalesce(t.event_seq < $2, t.at <= $3)
  AND r.rule_id = t.rule_id AND r.shard = $4
RETURNING t.id, t.user_id, t.rule_id, t.instance_key, t.alert, t.outcome,
  ARRAY(SELECT unnest(t.onchain_ids) INTERSECT SELECT unnest($1::text[])) AS undone`;
