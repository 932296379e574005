import { Controller, Get, Res, VERSION_NEUTRAL } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { HealthCheckResult } from '@nestjs/terminus';
import type { Response } from 'express';
import { Public } from '../request/public.js';
import { HealthChecks } from './health-checks.js';

@ApiExcludeController()
@Public('probes')
@Controller({ path: 'health', version: VERSION_NEUTRAL })
export class HealthController {
  constructor(private readonly checks: HealthChecks) {}

  /** Answers 200 as long as the event loop runs. */
  @Get('live')
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** Answers 200 if the process can work and is not draining; 503 if not. */
  @Get('ready')
  async ready(@Res({ passthrough: true }) response: Response): Promise<HealthCheckResult> {
    const result = await this.checks.ready();
    if (result.status === 'error') response.status(503).set('Retry-After', '1');
    return result;
  }
}
