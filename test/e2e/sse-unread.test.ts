import { connect as connectTcp } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RealtimeHub } from '../../src/realtime/core/hub.js';
import { ConnectionAdmission } from '../../src/realtime/transports/admission/connection-admission.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';

let app: TestApp;
let key: string;

beforeAll(async () => {
  app = await createTestApp();
  key = await app.key();
});
afterAll(() => app?.close());

it('an event stream without a reading client is closed and frees its connection place', async () => {
  await app.db.pool.query(
    `INSERT INTO token_prices (token, price) SELECT 'stall-' || g, 1 FROM generate_series(1, 2000) g`,
  );
  const admission = app.nest.get(ConnectionAdmission);
  const inside = admission.inside;
  const socket = connectTcp(app.port, '127.0.0.1');
  socket.write(`GET /v1/stream?channels=events:prices&apiKey=${key} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await waitFor(() => String(socket.read() ?? '').includes('event: ready'));
  const sessions = () => app.nest.get(RealtimeHub).sessions.size;
  const open = sessions();
  for (let count = 0; count < 15; count++) {
    await app.db.pool.query(`UPDATE token_prices SET price = price * 1.1 WHERE token LIKE 'stall-%'`);
  }
  await waitFor(() => sessions() < open, { timeoutMs: 20_000 });
  await waitFor(() => admission.inside <= inside, { timeoutMs: 15_000 });
  expect(admission.inside).toBe(inside);
  socket.destroy();
});
