import { Injectable } from '@nestjs/common';
import type { Caller } from '../caller.js';
import { TierLimits } from '../limits/tier-limits.js';
import type { ApiKeyEntity } from './api-key.entity.js';

/** Converts keys to callers. The same entity object always gives the same caller object. */
@Injectable()
export class Callers {
  private readonly known = new WeakMap<ApiKeyEntity, Caller>();

  constructor(private readonly tiers: TierLimits) {}

  of(key: ApiKeyEntity): Caller {
    const caller = this.known.get(key) ?? this.build(key);
    this.known.set(key, caller);
    return caller;
  }

  private build(key: ApiKeyEntity): Caller {
    return {
      userId: key.userId,
      keyId: key.id,
      role: key.role,
      tier: key.tier,
      limits: this.tiers.of(key.tier, key.limits),
      ...(key.subscriptionTypes === null ? {} : { subscriptionTypes: key.subscriptionTypes }),
      ...(key.transports === null ? {} : { transports: key.transports }),
      ...(key.expiresAt === null ? {} : { expiresAt: key.expiresAt.getTime() }),
    };
  }
}

/** Whether two callers have the same rights. The expiry is not compared: `KeyWatch` checks it itself. */
export function sameRights(a: Caller, b: Caller): boolean {
  return a === b || rights(a) === rights(b);
}

function rights({ role, tier, limits, subscriptionTypes, transports }: Caller): string {
  return JSON.stringify([role, tier, Object.entries(limits), subscriptionTypes, transports]);
}
