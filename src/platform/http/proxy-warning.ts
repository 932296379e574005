import { Logger } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Warns once of a proxy that seems to stand in front although TRUST_PROXY is 0: all clients then share its address's limits.
 */
export function proxyWarning(trustedProxies: number) {
  const logger = new Logger('HTTP');
  let warned = trustedProxies > 0;
  return (request: IncomingMessage, _response: ServerResponse, next: () => void): void => {
    if (!warned && request.headers['x-forwarded-for'] !== undefined) {
      warned = true;
      logger.warn(
        { header: 'X-Forwarded-For' },
        'a proxy forwards requests but TRUST_PROXY is 0: every client counts as that proxy; set the number of proxies',
      );
    }
    next();
  };
}
