import type { ArgumentsHost } from '@nestjs/common';
import { Logger } from '@nestjs/common';
import { afterEach, expect, it, vi } from 'vitest';
import { clientLeft } from '../http/leaving.js';
import { HttpErrorFilter } from './http-error.filter.js';

afterEach(() => vi.restoreAllMocks());

it.each([
  { client: 'is there', destroyed: false, lines: 1 },
  { client: 'has left', destroyed: true, lines: 0 },
])('logs $lines errors of work that was ended when the client $client', ({ destroyed, lines }) => {
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
  new HttpErrorFilter().catch(clientLeft(), host);
  expect(error).toHaveBeenCalledTimes(lines);
});
