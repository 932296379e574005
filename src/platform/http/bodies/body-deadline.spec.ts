import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bodyDeadlines, mayLast } from './body-deadline.js';

const DEADLINE_MS = 200;

let server: Server;
let lasting: boolean;

beforeEach(async () => {
  server = createServer((incoming, response) => {
    if (lasting) mayLast(incoming);
    text(incoming).then(
      (body) => response.end(body),
      () => response.destroy(),
    );
  });
  bodyDeadlines(server, DEADLINE_MS, DEADLINE_MS);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => new Promise<unknown>((resolve) => server.close(resolve).closeAllConnections()));

/** Sends a character every `pauseMs`. Returns the text of the answer, or the error's code. */
const send = (characters: number, pauseMs: number): Promise<string> =>
  new Promise((resolve) => {
    const { port } = server.address() as AddressInfo;
    const sending = httpRequest({ port, host: '127.0.0.1', method: 'POST' }, (answer: IncomingMessage) =>
      text(answer).then(resolve, (error: NodeJS.ErrnoException) => resolve(String(error.code))),
    );
    sending.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)));
    let sent = 0;
    const timer = setInterval(() => {
      if (sent++ < characters) return sending.write('x');
      clearInterval(timer);
      return sending.end();
    }, pauseMs);
  });

describe('a request body', () => {
  it('is cut off if it does not arrive completely before the deadline', async () => {
    lasting = false;
    expect(await send(3, 10)).toBe('xxx');
    expect(await send(12, 50)).toBe('ECONNRESET');
  });

  it('on a route for long bodies may exceed the deadline as long as bytes keep arriving', async () => {
    lasting = true;
    expect(await send(12, 50)).toBe('x'.repeat(12));
    expect(await send(3, 2 * DEADLINE_MS)).toBe('ECONNRESET');
  });
});
