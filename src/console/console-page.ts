import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { readConsoleFiles, type ConsoleFile } from './console-files.js';

/** Nothing inline, nothing from elsewhere, no frames: what a server string could smuggle in would not run. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Serves `/` and `/console/<version>/<name>`; what it does not know goes on to the other routes. */
export function consolePage(): RequestHandler {
  const files = readConsoleFiles();
  return (request: Request, response: Response, next: NextFunction): void => {
    if (request.path === '/') {
      response.set('Content-Security-Policy', CONTENT_SECURITY_POLICY);
      response.set('Cache-Control', 'no-cache');
      response.set('ETag', `"${files.version}"`);
      send(request, response, files.page);
      return;
    }
    const [, version, name] = /^\/console\/([0-9a-f]{12})\/(.+)$/.exec(request.path) ?? [];
    const file = files.assets.get(name ?? '');
    if (!file) {
      next();
      return;
    }
    // A page that was opened before an upgrade may ask for an older version: it gets today's file, but may not keep it.
    response.set('Cache-Control', version === files.version ? 'public, max-age=31536000, immutable' : 'no-store');
    send(request, response, file);
  };
}

function send(request: Request, response: Response, file: ConsoleFile): void {
  response.set('Content-Type', file.contentType);
  response.set('Vary', 'Accept-Encoding');
  if (request.fresh) {
    response.status(304).end();
    return;
  }
  if (!request.acceptsEncodings('gzip')) {
    response.end(file.body);
    return;
  }
  response.set('Content-Encoding', 'gzip');
  response.end(file.gzipped);
}
