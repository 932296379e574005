import type { HelmetOptions } from 'helmet';
import type { Settings } from '../settings/settings.js';

/** Returns headers that restrict browsers. Pages of this origin load only from it; Swagger UI needs inline styles. */
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
    // Only with TLS: otherwise the first is ignored and the second makes browsers log complaints.
    strictTransportSecurity: tls,
    crossOriginOpenerPolicy: tls,
    // Open, since other origins fetch the API; CORS_ORIGINS limits them.
    crossOriginResourcePolicy: { policy: 'cross-origin' },
  };
}
