import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import type { NewDelivery } from '../core/delivery.js';

/** The way in: messages are recorded in the transaction that decided on them, then announced. */
@Injectable()
export class Deliveries {
  /** Records messages; returns their ids in the same order. */
  async create(_tx: PoolClient, _deliveries: readonly NewDelivery[]): Promise<string[]> {
    return [];
  }

  /** After the commit: puts what is due into the queues. What this misses is found within seconds by the sweeper. */
  announce(_ids: readonly string[]): void {}
}
