import type { NestApplicationOptions } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import helmet from 'helmet';
import { Logger } from 'nestjs-pino';
import { countedPages, RequestLimits } from './access/index.js';
import { HttpErrorFilter } from './platform/errors/http-error.filter.js';
import { serveApiDocument } from './platform/http/api-document.js';
import { readCertificate } from './platform/http/certificates.js';
import { boundConnections } from './platform/http/connections/bound-connections.js';
import { proxyWarning } from './platform/http/proxy-warning.js';
import { requestIds } from './platform/http/request-id.js';
import { longAddresses } from './platform/http/long-addresses.js';
import { RequestContext } from './platform/request/request-context.js';
import { securityHeaders } from './platform/http/security-headers.js';
import { RequestValidationPipe } from './platform/http/validation.pipe.js';
import { LoopGuard } from './platform/loop/loop-guard.js';
import { namedRequests, watchOnceServing } from './platform/loop/named-requests.js';
import { httpDurations } from './platform/metrics/http-durations.js';
import { Metrics } from './platform/metrics/metrics.js';
import { Settings } from './platform/settings/settings.js';
import { SocketIoAdapter } from './realtime/index.js';

/**
 * Options of the application. With an open event stream a stopping process would otherwise never end, so connections are
 * closed by force.
 */
export function serverOptions(settings: Settings): NestApplicationOptions {
  const certificate = readCertificate(settings);
  return {
    bufferLogs: true,
    abortOnError: false,
    forceCloseConnections: true,
    // Off: the body guard reads bodies itself, after it has identified the caller.
    bodyParser: false,
    // Most specific routes first, so that the route for unmatched requests is the last.
    routeResolutionStrategy: 'specificity',
    ...(certificate && { httpsOptions: certificate }),
  };
}

/** Sets up everything around the modules, in the order in which a request passes it. Used by the start and by tests. */
export function setUp(app: NestExpressApplication): NestExpressApplication {
  const settings = app.get(Settings);
  app.useLogger(app.get(Logger));
  app.set('trust proxy', settings.trustProxy);
  boundConnections(app.getHttpServer(), settings);
  longAddresses(app.getHttpServer());
  app.use(requestIds(app.get(RequestContext)));
  app.use(httpDurations(app.get(Metrics)));
  watchOnceServing(app.get(LoopGuard), app.getHttpServer());
  app.use(namedRequests(app.get(LoopGuard)));
  app.use(proxyWarning(settings.trustProxy));
  app.use(helmet(securityHeaders(settings)));
  app.enableCors({
    origin: settings.corsOrigins.includes('*') ? '*' : [...settings.corsOrigins],
    // The usual methods, and QUERY, the safe method for queries with a body.
    methods: ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE', 'QUERY'],
    exposedHeaders: ['X-Request-Id', 'RateLimit', 'RateLimit-Policy', 'Retry-After', 'ETag', 'X-Next-Cursor'],
    maxAge: 600,
  });
  app.use(countedPages(app.get(RequestLimits), settings.trustProxy));
  app.useWebSocketAdapter(new SocketIoAdapter(app, settings));
  app.useGlobalPipes(new RequestValidationPipe());
  app.useGlobalFilters(new HttpErrorFilter());
  serveApiDocument(app);
  return app;
}
