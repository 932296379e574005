import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccessEvents } from './access-events.js';
import { AccessService } from './access.service.js';
import { AuditEntryEntity } from './audit/audit-entry.entity.js';
import { Audit } from './audit/audit.js';
import { Refusals } from './audit/refusals.js';
import { AccessGuard } from './guard/access.guard.js';
import { ApiKeyEntity } from './keys/api-key.entity.js';
import { Callers } from './keys/callers.js';
import { KeyChanges } from './keys/key-changes.js';
import { KeyDirectory } from './keys/key-directory.js';
import { KeyWatch } from './keys/key-watch.js';
import { UserEntity } from './keys/user.entity.js';
import { Connections } from './limits/connections.js';
import { MinuteCounters } from './limits/minute-counters.js';
import { RequestLimits } from './limits/request-limits.js';
import { TierLimits } from './limits/tier-limits.js';
import { UsageLimits } from './limits/usage-limits.js';
import { TokenVerifier } from './tokens/token-verifier.js';

const KEYS = [Callers, KeyChanges, KeyDirectory, KeyWatch, TokenVerifier];
const LIMITS = [Connections, MinuteCounters, RequestLimits, TierLimits, UsageLimits];

/** Who may do what, how much of it, and the trail of it. Global, because every other module asks. */
@Global()
@Module({
  imports: [TypeOrmModule.forFeature([UserEntity, ApiKeyEntity, AuditEntryEntity])],
  providers: [
    AccessService,
    AccessEvents,
    Audit,
    Refusals,
    ...KEYS,
    ...LIMITS,
    { provide: APP_GUARD, useClass: AccessGuard },
  ],
  exports: [AccessService, AccessEvents, Audit, UsageLimits],
})
export class AccessModule {}
