import type { IncomingMessage, ServerResponse } from 'node:http';
import { Module, type DynamicModule, type LoggerService } from '@nestjs/common';
import { Logger, LoggerModule, PinoLogger, type Params } from 'nestjs-pino';
import pino, { type DestinationStream, type LevelWithSilent } from 'pino';
import pretty from 'pino-pretty';
import { clientAddress } from '../http/client-address.js';
import { RequestContext } from '../http/request-context.js';
import type { Settings } from '../settings/settings.js';
import { loggedAddress } from './logged-address.js';
import { redact, SECRET_FIELDS } from './redaction.js';

/** Paths that machines request every few seconds; their lines would drown the others. */
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

/** Returns a logger for the time before there is an application: connecting, migrating, and failures of these. */
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
    // Adds the request's id to every line, also to lines written far from the request's own logger.
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
    // Omits the error that pino-http makes of a status: the one that was answered has a line with its cause.
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

/** Number of the level in pino. */
const INFO = 30;
/** Contexts with one line per module and route at every start: of no use to an operator. */
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
 * Returns the level of a request's line: reads are many and unremarkable, changes and failures are logged. 503 is no fault of
 * the request: a later one is served.
 */
function requestLevel(request: IncomingMessage, response: ServerResponse, error?: Error): LevelWithSilent {
  if (response.statusCode === 503) return 'info';
  if (error || response.statusCode >= 500) return 'error';
  // Callers over their limit can send thousands a second: metrics count them, a line for each would fill the disk.
  if (response.statusCode === 429) return 'debug';
  if (response.statusCode >= 400) return 'info';
  return request.method === 'GET' || request.method === 'HEAD' ? 'debug' : 'info';
}
