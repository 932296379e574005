import { once } from 'node:events';
import fc from 'fast-check';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { serverLogin } from '../../src/platform/database/embedded/server-login.js';
import { AppProcess } from '../support/servers/app-process.js';
import { hostileRequests, type ApiDescription, type HostileRequest } from '../support/faults/hostile-requests.js';
import { hostileText, hostileValue } from '../support/faults/hostile-values.js';
import { serverPort } from '../support/servers/server-port.js';
import { createTestDatabase, type TestDatabase } from '../support/servers/test-database.js';
import { quietFor } from '../support/wait-for.js';

const KEY = `rta_fuzzadmin_${'f'.repeat(43)}`;
const ROUNDS = process.env['TEST_LONG'] === '1' ? 100 : 6;
const AT_ONCE = 40;
/**
 * Limit of one turn of the event loop, ms: a fault of this kind takes seconds, ordinary turns stay far below, even on a
 * busy machine.
 */
const MAX_TURN_MS = 250;
const MAX_ANSWER_BYTES = 64;

let db: TestDatabase;
let app: AppProcess;
const agent = new Agent({ connections: 8 });

beforeAll(async () => {
  db = await createTestDatabase();
  // The login owns nothing, as in production, so that the test finds statements for which it lacks rights.
  const env = {
    DATABASE_URL: await serverLogin(db.url),
    BOOTSTRAP_ADMIN_KEY: KEY,
    SECRETS_KEY: 'fuzz-test-secrets-key-of-32-bytes-more',
    LIMIT_API_REQUESTS: 'none=100000,enterprise=0',
    LIMIT_MESSAGES: 'none=100000,enterprise=0',
    LIMIT_SUBSCRIPTION_CHANGES: 'enterprise=0',
  };
  app = new AppProcess(await serverPort(), env, { keep: 4_000_000 });
  await app.start();
}, 240_000);

afterAll(async () => {
  await agent.destroy();
  await app?.end('SIGKILL');
  await db?.drop();
});

/** Returns log lines that no input may cause. */
function complaints(): string[] {
  const lines = app.tail().split('\n');
  return lines.filter((line) => {
    if (/"level":"(?:error|fatal)"/.test(line)) return true;
    return Number(/"turnMs":(\d+).*long turn of the event loop/.exec(line)?.[1] ?? 0) > MAX_TURN_MS;
  });
}

/** Returns the status; -1 if the connection was closed. */
async function statusOf({ method, path, body, headers }: HostileRequest, key: string | undefined): Promise<number> {
  const leaving = new AbortController();
  try {
    const answer = await request(`${app.url}${path}`, {
      method: method as 'GET',
      dispatcher: agent,
      signal: leaving.signal,
      headers: { ...headers, ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
      body: body ?? null,
    });
    const isStream = String(answer.headers['content-type']).startsWith('text/event-stream');
    if (isStream) setTimeout(() => leaving.abort(), 200);
    for await (const chunk of answer.body) if (isStream && (chunk as Buffer).length > MAX_ANSWER_BYTES) break;
    return answer.statusCode;
  } catch (error) {
    return leaving.signal.aborted || (error instanceof Error && error.name === 'AbortError') ? 200 : -1;
  }
}

it('random requests to any route cause no server error, no error log and no long turn of the event loop', async () => {
  const api = (await (await fetch(`${app.url}/openapi.json`)).json()) as ApiDescription;
  const keys = fc.constantFrom(KEY, KEY, KEY, undefined, 'rta_nobody_x');
  const asked = fc.array(fc.tuple(hostileRequests(api), keys), { minLength: AT_ONCE, maxLength: AT_ONCE });
  const answersWell = fc.asyncProperty(asked, async (requests) => {
    const faults = await Promise.all(
      requests.map(async ([hostile, key]) => {
        const status = await statusOf(hostile, key);
        return status >= 500 || status < 0 ? [{ status, ...hostile }] : [];
      }),
    );
    expect({ faults: faults.flat(), complaints: complaints() }).toEqual({ faults: [], complaints: [] });
  });
  await fc.assert(answersWell, { numRuns: ROUNDS, endOnFailure: true });
  expect(app.ended).toBe(false);
});

it.each([
  { name: 'a plain WebSocket', path: '/ws?apiKey=', hello: undefined },
  { name: 'Socket.IO', path: '/socket.io/?EIO=4&transport=websocket', hello: `40/v1/realtime,{"apiKey":"${KEY}"}` },
])('random messages over $name cause no error log and no long turn of the event loop', async ({ path, hello }) => {
  const word = fc.constantFrom(
    'subscribe',
    'unsubscribe',
    'update_filters',
    'subscriptions',
    'ping',
    'stats',
    'authenticate',
  );
  const member = fc.constantFrom(
    'type',
    'channels',
    'channel',
    'filters',
    'since',
    'id',
    'threshold',
    'protocol',
    'tokens',
    'chains',
    'mode',
    'query',
    'intervalMs',
    'eventTypes',
    'minValue',
    'snapshot',
    'subscriptionId',
    'apiKey',
    '__proto__',
  );
  const kind = fc.constantFrom(
    'protocol',
    'tvl_changes',
    'price_changes',
    'alerts',
    'channel',
    'announcements',
    'query',
  );
  const body = fc
    .tuple(fc.dictionary(member, hostileValue, { maxKeys: 5 }), fc.option(kind, { nil: undefined }))
    .map(([members, type]) => ({ ...members, ...(type === undefined ? {} : { type }) }));
  const frame = fc.oneof(
    { weight: 6, arbitrary: fc.tuple(word, fc.oneof(body, fc.array(body, { maxLength: 3 }), hostileValue)) },
    { weight: 1, arbitrary: hostileText },
  );
  const sent = fc.array(frame, { minLength: AT_ONCE, maxLength: AT_ONCE });
  const takesIt = fc.asyncProperty(sent, async (frames) => {
    const socket = new WebSocket(`${app.url.replace('http', 'ws')}${path}${hello === undefined ? KEY : ''}`);
    socket.on('error', () => undefined);
    await once(socket, 'open');
    if (hello !== undefined) {
      socket.send(hello);
      await once(socket, 'message');
    }
    for (const [at, made] of frames.entries()) {
      if (socket.readyState !== WebSocket.OPEN) break;
      if (typeof made === 'string') socket.send(hello === undefined ? made : `42/v1/realtime,${made}`);
      else if (hello !== undefined) socket.send(`42/v1/realtime,${at}${JSON.stringify(made)}`);
      else
        socket.send(
          JSON.stringify(
            made[0] === 'subscribe' ? { ...Object(made[1]), action: made[0] } : { type: made[0], body: made[1] },
          ),
        );
    }
    await quietFor(100);
    socket.terminate();
    expect(complaints()).toEqual([]);
  });
  await fc.assert(takesIt, { numRuns: ROUNDS, endOnFailure: true });
  expect((await fetch(`${app.url}/health/live`)).status).toBe(200);
});
