import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { readConsoleFiles, type ConsoleFile } from './console-files.js';

/**
 * Policy that forbids inline code, other origins and frames: code injected through a text from the server would not run.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Script of push messages. Its address is the same in all versions, so that browsers stay subscribed after an upgrade. */
const WORKER = { path: '/console/push-worker.js', name: 'push-worker.js' };

/** Serves `/`, `/console/push-worker.js` and `/console/<version>/<name>`; requests for other paths are passed to the next routes. */
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
    if (request.path === WORKER.path) {
      // The browser looks for a newer one by itself, at this address.
      response.set('Cache-Control', 'no-cache');
      const worker = files.assets.get(WORKER.name);
      if (worker) send(request, response, worker);
      else next();
      return;
    }
    const [, version, name] = /^\/console\/([0-9a-f]{12})\/(.+)$/.exec(request.path) ?? [];
    const file = files.assets.get(name ?? '');
    if (!file) {
      next();
      return;
    }
    // A page opened before an upgrade may request an older version: it gets the current file, but must not cache it.
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
