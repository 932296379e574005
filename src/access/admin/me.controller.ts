import { Controller, Get } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import type { Caller } from '../caller.js';
import { CurrentCaller } from '../guard/current-caller.decorator.js';
import { UsageLimits, type Usage } from '../limits/usage-limits.js';
import { Settings } from '../../platform/settings/settings.js';
import { MeView } from './me.dto.js';

@ApiTags('Access')
@ApiBearerAuth()
@Controller('v1/me')
export class MeController {
  constructor(
    private readonly limits: UsageLimits,
    private readonly settings: Settings,
  ) {}

  /** Who the key belongs to, what it may do, and how much of its limits is used. */
  @Get()
  async read(@CurrentCaller() caller: Caller): Promise<MeView> {
    return viewOf(caller, await this.limits.used(caller), this.settings.userStorageMb * 1_000_000);
  }
}

function viewOf(caller: Caller, used: Usage, storedBytes: number): MeView {
  const { userId, keyId, role, tier, subscriptionTypes = null, transports = null, expiresAt } = caller;
  const end = expiresAt === undefined ? null : new Date(expiresAt).toISOString();
  const limits = { ...caller.limits, storedBytes };
  return { userId, keyId, role, tier, expiresAt: end, subscriptionTypes, transports, limits, used };
}
