import { All, Controller, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Response } from 'express';
import { Public } from '../../../access/index.js';
import { DomainError } from '../../../platform/errors/domain-error.js';
import { WEBSOCKET_ONLY_PATHS } from './upgrade-paths.js';

/** Paths of the plain WebSocket API when they are requested over HTTP. Upgrades do not reach this controller. */
@ApiExcludeController()
@Controller()
export class WebSocketController {
  /** Explains how to connect. */
  @All([...WEBSOCKET_ONLY_PATHS])
  @Public()
  explain(@Res({ passthrough: true }) response: Response): never {
    response.set('Upgrade', 'websocket');
    throw new DomainError(
      'invalid_request',
      'This address accepts only WebSocket connections: the request must be an upgrade (ws://…). Over HTTP use /v1/stream.',
      { status: 426 },
    );
  }
}
