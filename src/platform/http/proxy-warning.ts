import { Logger } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Logs a warning once if requests come through a proxy although TRUST_PROXY is 0: all clients would then share the limits of
 * the proxy's address.
 */
export function proxyWarning(trustedProxies: number) {
  const logger = new Logger('HTTP');
  let warned = trustedProxies > 0;
  return (request: IncomingMessage, _response: ServerResponse, next: () => void): void => {
    if (!warned && request.headers['x-forwarded-for'] !== undefined) {
      warned = true;
      logger.warn(
        { header: 'X-Forwarded-For' },
        'requests come through a proxy but TRUST_PROXY is 0, so all clients share one address; set it to the number of proxies',
      );
    }
    next();
  };
}
