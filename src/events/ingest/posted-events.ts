import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import { bodyHash, refuseOtherBody } from '../../platform/input/idempotency.js';
import { inputFault } from '../../platform/input/faults.js';
import { RequestContext } from '../../platform/request/request-context.js';
import { appendEvents, type NewEvent } from '../log/append-events.js';
import { BadItem, type Item, observation, optionalName } from './item-fields.js';
import { freeFormObject } from './item-kinds.js';
import { PublicationWait } from './publication-wait.js';
import type { PostedEvent, PostedEventAnswer } from './posted-event.dto.js';

/** User who posts the event, and the key by which a repetition is recognised for a day. */
interface Post {
  userId: string;
  idempotencyKey: string | undefined;
}

/** Adds events that are not changes of tables, of the types that writers may post. */
@Injectable()
export class PostedEvents {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly context: RequestContext,
    private readonly publications: PublicationWait,
  ) {}

  async add(body: PostedEvent, post: Post): Promise<PostedEventAnswer> {
    const event = { ...this.read(body), correlationId: this.context.correlationId() ?? null };
    const { created, transaction } = await this.database.transaction(async (tx) => {
      const earlier = post.idempotencyKey && (await claim(tx, post.userId, post.idempotencyKey, body));
      if (earlier) return { created: false, transaction: earlier };
      await appendEvents(tx, [event]);
      const { rows } = await tx.query<{ id: string }>('SELECT pg_current_xact_id()::text AS id');
      return { created: true, transaction: rows[0]?.id };
    });
    return { created, cursor: await this.publications.cursorAfter(transaction) };
  }

  /** Parses a posted event by the rules for ingested items; a fault refuses the whole request. */
  private read(body: PostedEvent): NewEvent {
    const item: Item = Object.fromEntries(Object.entries(body));
    try {
      return {
        type: body.eventType,
        protocol: optionalName(item, 'protocol', 'protocol') ?? null,
        chain: optionalName(item, 'chain', 'chain') ?? null,
        token: optionalName(item, 'token', 'token') ?? null,
        data: freeFormObject(body.data, 'data'),
        ...observation(item, this.clock.now(), 'api'),
      };
    } catch (error) {
      if (!(error instanceof BadItem)) throw error;
      throw inputFault('invalid_request', error.field === undefined ? '' : `/${error.field}`, error.code, error.detail);
    }
  }
}

/**
 * Claims an Idempotency-Key for this transaction. Returns undefined if the key is new, and the id of the transaction that
 * added the event if the key was used with the same body. Throws if it was used with another body.
 */
async function claim(tx: PoolClient, userId: string, key: string, body: PostedEvent): Promise<string | undefined> {
  const hash = bodyHash(body);
  await tx.query(`DELETE FROM posted_events WHERE posted_at < clock_timestamp() - interval '1 day'`);
  const claimed = await tx.query(
    'INSERT INTO posted_events (user_id, idempotency_key, body_hash) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
    [userId, key, hash],
  );
  if (claimed.rowCount === 1) return undefined;
  const { rows } = await tx.query<{ body_hash: string; transaction: string }>(
    'SELECT body_hash, transaction::text FROM posted_events WHERE user_id = $1 AND idempotency_key = $2',
    [userId, key],
  );
  refuseOtherBody(rows[0]?.body_hash ?? '', hash);
  return rows[0]?.transaction;
}
