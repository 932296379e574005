import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ApiKeyAdmin } from './admin/api-key-admin.js';
import { ApiKeysController } from './admin/api-keys.controller.js';
import { AuditController } from './admin/audit.controller.js';
import { AuditTrail } from './admin/audit-trail.js';
import { MeController } from './admin/me.controller.js';
import { SystemController } from './admin/system.controller.js';
import { SystemFacts } from './admin/system-facts.js';
import { ThresholdsController } from './admin/thresholds.controller.js';
import { Thresholds } from './admin/thresholds.js';
import { AccessEvents } from './access-events.js';
import { AccessService } from './access.service.js';
import { AuditEntryEntity } from './audit/audit-entry.entity.js';
import { AccessRetention } from './audit/access-retention.js';
import { Audit } from './audit/audit.js';
import { ProcessAudit } from './audit/process-audit.js';
import { Refusals } from './audit/refusals.js';
import { AccessGuard } from './guard/access.guard.js';
import { ConnectionWatch } from './connection-watch.js';
import { AdminKey } from './keys/admin-key.js';
import { ApiKeyEntity } from './keys/api-key.entity.js';
import { ApiKeys } from './keys/api-keys.js';
import { Callers } from './keys/callers.js';
import { KeyChanges } from './keys/key-changes.js';
import { KeyDirectory } from './keys/key-directory.js';
import { KeyWatch } from './keys/key-watch.js';
import { UserEntity } from './keys/user.entity.js';
import { ConnectionSlots } from './limits/connection-slots.js';
import { Connections } from './limits/connections.js';
import { MinuteCounters } from './limits/minute-counters.js';
import { RequestLimits } from './limits/request-limits.js';
import { SharedSlots } from './limits/shared-slots.js';
import { StrangerLimits } from './limits/stranger-limits.js';
import { StrangerSlots } from './limits/stranger-slots.js';
import { TierLimits } from './limits/tier-limits.js';
import { UsageLimits } from './limits/usage-limits.js';
import { TokenVerifier } from './tokens/token-verifier.js';

const KEYS = [AdminKey, ApiKeys, Callers, KeyChanges, KeyDirectory, KeyWatch, TokenVerifier];
const ADMINISTRATION = [ApiKeyAdmin, AuditTrail, SystemFacts, Thresholds];
const LIMITS = [
  Connections,
  ConnectionSlots,
  SharedSlots,
  StrangerLimits,
  StrangerSlots,
  MinuteCounters,
  RequestLimits,
  TierLimits,
  UsageLimits,
];

/** Authentication, roles, limits and the audit trail. Global, because every other module needs them. */
@Global()
@Module({
  imports: [TypeOrmModule.forFeature([UserEntity, ApiKeyEntity, AuditEntryEntity])],
  controllers: [ApiKeysController, AuditController, MeController, SystemController, ThresholdsController],
  providers: [
    AccessService,
    AccessEvents,
    Audit,
    AccessRetention,
    ConnectionWatch,
    ProcessAudit,
    Refusals,
    ...KEYS,
    ...LIMITS,
    ...ADMINISTRATION,
    { provide: APP_GUARD, useClass: AccessGuard },
  ],
  exports: [AccessService, AccessEvents, AdminKey, Audit, StrangerLimits, SystemFacts, UsageLimits],
})
export class AccessModule {}
