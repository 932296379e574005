import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import type { Channel } from '../core/delivery.js';

export type TargetStatus = 'pending' | 'active' | 'disabled';

/** Where messages go, per user: checked, normalised, and proven to belong to who asks for them. */
@Injectable()
export class Targets {
  /** Checks a target and makes it known to its user. Its proof of ownership starts when `tx` commits. */
  async claim(
    _tx: PoolClient,
    _userId: string,
    _channel: Channel,
    target: string,
  ): Promise<{ target: string; status: TargetStatus }> {
    return { target, status: 'pending' };
  }

  /** The status of each known target, by its normalised form. */
  async statuses(_userId: string, _targets: readonly string[]): Promise<Map<string, TargetStatus>> {
    return new Map();
  }
}
