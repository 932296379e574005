import type { HelmetOptions } from 'helmet';
import type { Settings } from '../settings/settings.js';

/** Returns headers that restrict browsers: pages may load content from this origin only; Swagger UI needs inline styles. */
export function securityHeaders(settings: Settings): HelmetOptions {
  const tls = settings.tlsCert !== undefined;
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'", 'data:'],
        connectSrc: ["'self'"],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    // Only with TLS: without TLS browsers ignore the first header and log complaints about the second.
    strictTransportSecurity: tls,
    crossOriginOpenerPolicy: tls,
    // Other origins may load answers; CORS_ORIGINS decides which of them may read answers.
    crossOriginResourcePolicy: { policy: 'cross-origin' },
  };
}
