import type { HelmetOptions } from 'helmet';
import type { Settings } from '../settings/settings.js';

/** Headers that keep browsers strict. Pages of this origin load only from it; Swagger UI needs inline styles. */
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
    // Without TLS the first would be ignored and the second make browsers log complaints.
    strictTransportSecurity: tls,
    crossOriginOpenerPolicy: tls,
    // The API is there to be fetched by other origins; CORS_ORIGINS says which.
    crossOriginResourcePolicy: { policy: 'cross-origin' },
  };
}
