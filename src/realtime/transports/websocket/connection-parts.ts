import { Injectable } from '@nestjs/common';
import { StrangerLimits, UsageLimits } from '../../../access/index.js';
import { Clock } from '../../../platform/clock/clock.js';
import { LoopGuard } from '../../../platform/loop/loop-guard.js';
import { Settings } from '../../../platform/settings/settings.js';
import { RealtimeHub } from '../../core/hub.js';
import { ConnectionAdmission } from '../admission/connection-admission.js';

/** Parts that all plain WebSocket connections share. */
@Injectable()
export class ConnectionParts {
  constructor(
    readonly hub: RealtimeHub,
    readonly admission: ConnectionAdmission,
    readonly limits: UsageLimits,
    readonly strangers: StrangerLimits,
    readonly clock: Clock,
    readonly settings: Settings,
    readonly loop: LoopGuard,
  ) {}
}
