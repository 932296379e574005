import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { Clock } from '../../platform/clock/clock.js';
import type { ClaimedDelivery } from '../core/delivery-row.js';
import { Deliveries } from './deliveries.js';

const MIN_WARNED_OUTAGE_MS = 3 * 86_400_000;

/**
 * Mails to the owner of an endpoint about its failures. An owner without a confirmed address sees the failures only in
 * the API.
 */
@Injectable()
export class TargetWarnings {
  constructor(
    private readonly deliveries: Deliveries,
    private readonly clock: Clock,
  ) {}

  async warn(
    tx: PoolClient,
    { userId, target, targetId }: ClaimedDelivery,
    type: 'endpoint.failing' | 'endpoint.disabled',
    reason: string,
  ): Promise<void> {
    const { rows } = await tx.query<{ target: string }>(
      `SELECT target FROM notification_targets WHERE user_id = $1 AND channel = 'email' AND status = 'active'
       ORDER BY verified_at LIMIT 1`,
      [userId],
    );
    const now = this.clock.now();
    const warnings = rows.map(({ target: address }) => ({
      userId,
      channel: 'email' as const,
      target: address,
      type,
      data: { endpoint: target, reason },
      priority: 'high' as const,
      collapseKey: `${type}:${targetId}`,
      // Not enqueued here: the message is due at once, so the sweeper finds it.
      notBefore: new Date(now),
      expiresAt: new Date(now + MIN_WARNED_OUTAGE_MS),
    }));
    await this.deliveries.create(tx, warnings);
  }
}
