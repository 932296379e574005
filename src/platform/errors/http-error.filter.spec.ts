import type { ArgumentsHost } from '@nestjs/common';
import { Logger } from '@nestjs/common';
import { afterEach, expect, it, vi } from 'vitest';
import { clientLeft } from '../http/leaving.js';
import { DomainError } from './domain-error.js';
import { HttpErrorFilter } from './http-error.filter.js';

afterEach(() => vi.restoreAllMocks());

it.each([
  { work: 'that was ended while its client is there', error: clientLeft(), destroyed: false, lines: 1 },
  { work: 'that was ended because its client left', error: clientLeft(), destroyed: true, lines: 0 },
  {
    work: 'that a draining process refused',
    error: new DomainError('server_draining', 'x'),
    destroyed: false,
    lines: 0,
  },
])('logs $lines errors of work $work', ({ error: thrown, destroyed, lines }) => {
  const error = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  const response = {
    destroyed,
    headersSent: destroyed,
    status: () => response,
    set: () => response,
    setHeader: () => response,
    type: () => response,
    send: () => response,
    json: () => response,
    end: () => response,
    writeHead: () => response,
    destroy: () => response,
  };
  const request = { url: '/', originalUrl: '/', headers: {}, method: 'GET' };
  const http = { getRequest: () => request, getResponse: () => response };
  const host = { getType: () => 'http', switchToHttp: () => http } as unknown as ArgumentsHost;
  new HttpErrorFilter().catch(thrown, host);
  expect(error).toHaveBeenCalledTimes(lines);
});
