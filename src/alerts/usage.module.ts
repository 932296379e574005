import { Global, Module } from '@nestjs/common';
import { StoredUsage } from '../access/index.js';
import { AlertsModule } from './alerts.module.js';
import { RuleUsage } from './rules/rule-usage.js';

/**
 * Provides access with the numbers of `GET /v1/me` that alerts count. Global, because access is below alerts and cannot import
 * it; a module of its own, because a global module starts before all others and stops after
 * them.
 */
@Global()
@Module({
  imports: [AlertsModule],
  providers: [{ provide: StoredUsage, useExisting: RuleUsage }],
  exports: [StoredUsage],
})
export class UsageModule {}
