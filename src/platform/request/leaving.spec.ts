import { once } from 'node:events';
import { createServer, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { leaving } from './leaving.js';

it('the abort signal of a response is aborted even if requested after the client disconnected', async () => {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const asking = request({ port, host: '127.0.0.1' }).on('error', () => undefined);
  asking.end();
  const [, response] = (await once(server, 'request')) as [unknown, ServerResponse];
  const here = leaving(response);
  expect(here.aborted).toBe(false);
  asking.destroy();
  await once(response, 'close');
  expect(here.aborted).toBe(true);
  expect(leaving(response).aborted).toBe(true);
  server.close();
  await once(server, 'close');
});
