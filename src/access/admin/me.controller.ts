import { Body, Controller, Get, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiTags } from '@nestjs/swagger';
import { isoTime } from '../../platform/input/time.js';
import { Audited } from '../audit/audited.interceptor.js';
import type { Caller } from '../caller.js';
import { CurrentCaller } from '../current-caller.decorator.js';
import { Rare } from '../guard/roles.decorator.js';
import { StoredUsage } from '../limits/stored-usage.js';
import { UsageLimits } from '../limits/usage-limits.js';
import { Settings } from '../../platform/settings/settings.js';
import { ApiKeyAdmin } from './api-key-admin.js';
import { CreatedKeyView } from './api-key.dto.js';
import { IdempotencyKey } from '../../platform/http/idempotency-key.decorator.js';
import { DEFAULT_GRACE_MINUTES, MeView, RotateOwnKeyBody } from './me.dto.js';

@ApiTags('Access')
@ApiBearerAuth()
@Controller('v1/me')
export class MeController {
  constructor(
    private readonly limits: UsageLimits,
    private readonly stored: StoredUsage,
    private readonly settings: Settings,
    private readonly keys: ApiKeyAdmin,
  ) {}

  /** Returns the user, rights and limits of the caller's key, and how much of the limits is used. */
  @Get()
  async read(@CurrentCaller() caller: Caller): Promise<MeView> {
    const used = { ...(await this.limits.used(caller)), ...(await this.stored.of(caller.userId)) };
    return viewOf(caller, used, this.settings.userStorageMb * 1_000_000);
  }

  /**
   * Replaces the caller's key with a new key of the same rights, which is shown only once; the old key stays valid for the
   * grace period. A user may do this ten times a minute.
   */
  @Post('rotate')
  @Rare()
  @Audited('api_key.rotate')
  @ApiHeader({ name: 'Idempotency-Key', required: false })
  rotate(
    @Body() { graceMinutes = DEFAULT_GRACE_MINUTES }: RotateOwnKeyBody,
    @CurrentCaller() caller: Caller,
    @IdempotencyKey() idempotencyKey?: string,
  ): Promise<CreatedKeyView> {
    return this.keys.rotate(caller.keyId, { overlapSeconds: graceMinutes * 60 }, caller, idempotencyKey);
  }
}

function viewOf(caller: Caller, used: MeView['used'], storedBytes: number): MeView {
  const { userId, keyId, role, tier, subscriptionTypes = null, transports = null, expiresAt } = caller;
  const end = expiresAt === undefined ? null : isoTime(expiresAt);
  const limits = { ...caller.limits, storedBytes };
  return { userId, keyId, role, tier, expiresAt: end, subscriptionTypes, transports, limits, used };
}
