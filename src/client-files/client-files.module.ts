import { Module, RequestMethod, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { readClientFiles } from './client-files.js';

/** Serves the client of this version to pages of any origin; other versions and names are passed to the next routes. */
function clientFiles(): RequestHandler {
  const files = readClientFiles();
  return (request: Request, response: Response, next: NextFunction): void => {
    const file = files.get(request.path.slice('/client/'.length));
    if (!file) return next();
    response.set({
      'Access-Control-Allow-Origin': '*',
      'Cache-Control': 'public, max-age=31536000, immutable',
      'Content-Type': 'text/javascript; charset=utf-8',
      Vary: 'Accept-Encoding',
    });
    if (!request.acceptsEncodings('gzip')) return void response.end(file.body);
    response.set('Content-Encoding', 'gzip').end(file.gzipped);
  };
}

/**
 * The typed client at `/client/<version>/{index,live,shared}.js` and `/client/<version>.js`. It is static and public, so it
 * needs no guard; its middleware runs before all guards.
 */
@Module({})
export class ClientFilesModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(clientFiles()).forRoutes({ path: 'client/*path', method: RequestMethod.GET });
  }
}
