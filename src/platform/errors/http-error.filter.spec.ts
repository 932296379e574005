import type { ArgumentsHost } from '@nestjs/common';
import { Logger } from '@nestjs/common';
import { afterEach, expect, it, vi } from 'vitest';
import { clientLeft } from '../request/leaving.js';
import { DomainError } from './domain-error.js';
import { HttpErrorFilter } from './http-error.filter.js';

afterEach(() => vi.restoreAllMocks());

it.each([
  { work: 'that was cancelled while its client is connected', error: clientLeft(), destroyed: false, lines: 1 },
  { work: 'that was cancelled because its client disconnected', error: clientLeft(), destroyed: true, lines: 0 },
  {
    work: 'that was refused by a draining process',
    error: new DomainError('server_draining', 'x'),
    destroyed: false,
    lines: 0,
  },
])('the HTTP error filter logs $lines errors for a request $work', ({ error: thrown, destroyed, lines }) => {
  const error = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  new HttpErrorFilter().catch(thrown, hostOf(destroyed));
  expect(error).toHaveBeenCalledTimes(lines);
});

it('an unavailable dependency is logged once in 10 s, an unexpected error for every request', () => {
  const error = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  const clock = vi.spyOn(performance, 'now').mockReturnValue(20_000);
  const filter = new HttpErrorFilter();
  const lines = (thrown: unknown) => {
    error.mockClear();
    for (let n = 0; n < 500; n++) filter.catch(thrown, hostOf(false));
    return error.mock.calls.length;
  };
  expect(lines(new DomainError('unavailable', 'The disk is nearly full.'))).toBe(1);
  expect(lines(new DomainError('unavailable', 'The database is unavailable.'))).toBe(1);
  // Two reasons that alternate are each logged once, too.
  expect(lines(new DomainError('unavailable', 'The disk is nearly full.'))).toBe(0);
  expect(lines(new Error('ours'))).toBe(500);
  expect(lines(new DomainError('unavailable', 'The database is unavailable.'))).toBe(0);
  clock.mockReturnValue(30_001);
  expect(lines(new DomainError('unavailable', 'The database is unavailable.'))).toBe(1);
});

function hostOf(destroyed: boolean): ArgumentsHost {
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
  return { getType: () => 'http', switchToHttp: () => http } as unknown as ArgumentsHost;
}
