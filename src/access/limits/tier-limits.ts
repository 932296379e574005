import { Injectable } from '@nestjs/common';
import { Settings } from '../../platform/settings/settings.js';
import type { Limits, Tier } from '../caller.js';

/** Limits of each tier, from the settings. */
@Injectable()
export class TierLimits {
  constructor(private readonly settings: Settings) {}

  of(tier: Tier, overrides: Partial<Limits> = {}): Limits {
    return {
      connections: this.settings.limitConnections[tier],
      messages: this.settings.limitMessages[tier],
      apiRequests: this.settings.limitApiRequests[tier],
      alertRules: this.settings.limitAlertRules[tier],
      subscriptionChanges: this.settings.limitSubscriptionChanges[tier],
      connectsPerAddress: this.settings.limitConnectsPerAddress[tier],
      ...overrides,
    };
  }
}
