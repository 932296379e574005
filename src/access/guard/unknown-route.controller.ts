import { All, Controller, Module, Req } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request } from 'express';
import { DomainError } from '../../platform/errors/domain-error.js';
import { TakesBody } from '../../platform/http/bodies/body-limit.js';
import { UNKNOWN_ROUTE } from '../../platform/request/unknown-route.js';
import { AnonymousAllowed } from './roles.decorator.js';

/** Maximum characters of a path that the answer repeats. */
const MAX_SHOWN_LENGTH = 200;

/** Answers requests that match no other route with 404, after they were admitted and counted like all others. */
@ApiExcludeController()
@AnonymousAllowed('always')
@TakesBody('none')
@Controller()
class UnknownRouteController {
  @All(UNKNOWN_ROUTE)
  refuse(@Req() { method, path }: Request): never {
    throw new DomainError('not_found', `Route ${method} ${path.slice(0, MAX_SHOWN_LENGTH)} not found.`);
  }
}

/**
 * Module of the route that matches every path. Nest registers routes in the order of their specificity, so this route is the
 * last.
 */
@Module({ controllers: [UnknownRouteController] })
export class UnknownRouteModule {}
