import { All, Controller, Module, Req } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request } from 'express';
import { DomainError } from '../../platform/errors/domain-error.js';
import { TakesBody } from '../../platform/http/bodies/body-limit.js';
import { UNKNOWN_ROUTE } from '../../platform/http/unknown-route.js';
import { AnonymousAllowed } from './roles.decorator.js';

/** Maximum characters of an address that an answer repeats. */
const MAX_SHOWN = 200;

/** Answers requests that match no other route: admitted and counted like all others, then not found. */
@ApiExcludeController()
@AnonymousAllowed('always')
@TakesBody('none')
@Controller()
export class UnknownRouteController {
  @All(UNKNOWN_ROUTE)
  refuse(@Req() { method, path }: Request): never {
    throw new DomainError('not_found', `Route ${method} ${path.slice(0, MAX_SHOWN)} not found.`);
  }
}

/** Module whose route matches everything; routes are registered by specificity, so it comes last. */
@Module({ controllers: [UnknownRouteController] })
export class UnknownRouteModule {}
