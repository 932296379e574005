import type { IncomingMessage, ServerResponse } from 'node:http';
import { Module, type DynamicModule, type LoggerService } from '@nestjs/common';
import { Logger, LoggerModule, PinoLogger, type Params } from 'nestjs-pino';
import pino, { type DestinationStream, type LevelWithSilent } from 'pino';
import pretty from 'pino-pretty';
import { clientAddress } from '../request/client-address.js';
import { RequestContext } from '../request/request-context.js';
import type { Settings } from '../settings/settings.js';
import { loggedAddress } from './logged-address.js';
import { redact, SECRET_FIELDS } from '../errors/redaction.js';

/** Paths that are requested every few seconds; a line for each request would hide the other lines. */
const QUIET_PATHS = /^\/(?:health|metrics|console|docs|favicon)/;

/** Structured logs on standard output: one JSON object per line, or readable text on a terminal. */
@Module({})
export class LoggingModule {
  static with(settings: Settings, destination: DestinationStream = standardOutput()): DynamicModule {
    return {
      module: LoggingModule,
      imports: [
        LoggerModule.forRootAsync({
          inject: [RequestContext],
          useFactory: (context: RequestContext) => loggerParams(settings, context, destination),
        }),
      ],
    };
  }
}

/** Returns a logger for the time before the application exists: while it connects to the database and runs migrations. */
export function earlyLogger(settings: Settings): LoggerService {
  const params = loggerParams(settings, new RequestContext(), standardOutput());
  return new Logger(new PinoLogger(params), params);
}

function standardOutput(): DestinationStream {
  return process.stdout.isTTY
    ? pretty({ singleLine: true, translateTime: 'SYS:HH:MM:ss.l', sync: true })
    : pino.destination(1);
}

function loggerParams(settings: Settings, context: RequestContext, destination: DestinationStream): Params {
  const options = {
    level: settings.logLevel,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: SECRET_FIELDS, censor: '***' },
    hooks: { streamWrite: redact, logMethod: withoutFrameworkChatter },
    // Adds the id of the current request to every line, whatever logger writes the line.
    mixin: () => {
      const correlationId = context.correlationId();
      return correlationId === undefined ? {} : { correlationId };
    },
    quietReqLogger: true,
    customAttributeKeys: { reqId: 'requestId' },
    genReqId: (_request: IncomingMessage, response: ServerResponse) => String(response.getHeader('x-request-id')),
    autoLogging: { ignore: (request: IncomingMessage) => QUIET_PATHS.test(request.url ?? '') },
    customLogLevel: requestLevel,
    customSuccessMessage: () => 'request answered',
    customErrorMessage: () => 'request failed',
    // Omits the error that pino-http creates from the status; `HttpErrorFilter` has logged the real one with its cause.
    customErrorObject: (_request: unknown, _response: unknown, _error: Error, fields: object) => ({
      ...fields,
      err: undefined,
    }),
    serializers: {
      req: (request: { method: string; url: string; raw: IncomingMessage }) => ({
        method: request.method,
        url: loggedAddress(request.url),
        address: clientAddress(request.raw, settings.trustProxy),
      }),
      res: (response: { statusCode: number }) => ({ status: response.statusCode }),
    },
  };
  return { pinoHttp: [options, destination] };
}

/** Number of pino's level `info`. */
const INFO = 30;
/** Nest's logger contexts that log one line per module and route at every start, which do not help operators. */
const CHATTER = new Set(['NestFactory', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'NestApplication']);

function withoutFrameworkChatter(
  this: pino.Logger,
  args: Parameters<pino.LogFn>,
  method: pino.LogFn,
  level: number,
): void {
  const [fields] = args as unknown[];
  const context = typeof fields === 'object' && fields !== null && 'context' in fields ? fields.context : undefined;
  if (level <= INFO && CHATTER.has(String(context))) return;
  method.apply(this, args);
}

/**
 * Returns the log level of a request's line: successful reads are frequent and are logged as debug only. A 503 is not an
 * error of the request; the client retries it.
 */
function requestLevel(request: IncomingMessage, response: ServerResponse, error?: Error): LevelWithSilent {
  if (response.statusCode === 503) return 'info';
  if (error || response.statusCode >= 500) return 'error';
  // Callers over their limit can send thousands of requests a second: metrics count these; lines would fill the disk.
  if (response.statusCode === 429) return 'debug';
  if (response.statusCode >= 400) return 'info';
  return request.method === 'GET' || request.method === 'HEAD' ? 'debug' : 'info';
}
