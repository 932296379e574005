import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { io } from 'socket.io-client';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey, type JWTPayload } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { PlainClient } from '../support/clients/plain-client.js';

/** Time after `exp` for which a token may still be accepted, because clocks differ. */
const TOLERANCE_MS = 30_000;
const SECRET = 'a shared secret of sufficient length for HS256';
const ISSUER = 'https://login.example';
const AUDIENCE = 'defi-realtime';
const EXPECTED = { JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE };
let app: TestApp;
let keys: { publicKey: CryptoKey; privateKey: CryptoKey };
let issuer: Server;
let fetched = 0;
const logins = new Set<string>();
let isIssuerUnavailable = false;

beforeAll(async () => {
  keys = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'ES256' };
  issuer = createServer(({ headers }, response) => {
    fetched++;
    logins.add(headers.authorization ?? 'none');
    response.statusCode = isIssuerUnavailable ? 500 : 200;
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((done) => issuer.listen(0, '127.0.0.1', done));
  const jwks = `http://ann:wonder%20land@127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks.json`;
  app = await createTestApp({
    settings: { JWT_SECRET: SECRET, JWKS_URL: jwks, ...EXPECTED, LIMIT_API_REQUESTS: 'none=0,free=0' },
  });
});
afterAll(async () => {
  await app.close();
  issuer.close();
});

const me = async (token: string) => {
  const answer = await fetch(`${app.url}/v1/me`, { headers: { authorization: `Bearer ${token}` } });
  // oxlint-disable-next-line typescript/no-explicit-any -- judged by the tests
  return (await answer.json()) as any;
};
const seconds = (from: number) => Math.floor(Date.now() / 1000) + from;
const sign = (claims: JWTPayload, options: { exp?: number | null; secret?: string } = {}) => {
  const token = new SignJWT({ iss: ISSUER, aud: AUDIENCE, ...claims }).setProtectedHeader({ alg: 'HS256' });
  if (options.exp !== null) token.setExpirationTime(options.exp ?? seconds(60));
  return token.sign(new TextEncoder().encode(options.secret ?? SECRET));
};

const ofKeySet = (claims: JWTPayload) =>
  new SignJWT({ iss: ISSUER, aud: AUDIENCE, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setExpirationTime('1m')
    .sign(keys.privateKey);

describe('signed tokens (JWT)', () => {
  it('close their connection when they expire, with the reason', async () => {
    const client = await PlainClient.connect(app.url, await sign({ sub: 'brief' }, { exp: seconds(2) }));
    expect(await client.next('error')).toMatchObject({ error: { code: 'api_key_expired', retryable: false } });
    expect(await client.closed).toMatchObject({ code: 4401, reason: 'expired' });
    expect(client.faults).toEqual([]);
  });

  it('let a Socket.IO client reconnect automatically if its `auth` function returns a new token', async () => {
    let given = 0;
    const socket = io(`${app.url}/v1/realtime`, {
      forceNew: true,
      auth: (give) => {
        given += 1;
        void sign({ sub: 'renewed' }, { exp: seconds(given === 1 ? 2 : 600) }).then((apiKey) => give({ apiKey }));
      },
    });
    const arrivals: number[] = [];
    socket.on('connected', ({ expiresInMs }: { expiresInMs: number }) => arrivals.push(expiresInMs));
    await expect.poll(() => arrivals.length, { timeout: 15_000 }).toBe(2);
    expect([given, arrivals[1] ?? 0]).toEqual([2, expect.closeTo(600_000, -5)]);
    socket.disconnect();
  });

  it('extend the lifetime of a connection and change its rights on a second `authenticate`', async () => {
    const client = await PlainClient.connect(app.url, await sign({ sub: 'renewing' }, { exp: seconds(3) }));
    expect(client.messages[0]?.['expiresInMs']).toBeLessThanOrEqual(3_000 + TOLERANCE_MS);
    const renewed = await sign({ sub: 'renewing', tier: 'pro' }, { exp: seconds(600) });
    const answer = await client.ask({ type: 'authenticate', apiKey: renewed }, 'authenticated');
    expect(answer).toMatchObject({ tier: 'pro', role: 'reader' });
    expect(answer['expiresInMs']).toBeGreaterThan(500_000);
    const late = await client.ask({ type: 'authenticate', apiKey: await sign({ sub: 'other' }) }, 'error');
    expect(late).toMatchObject({ error: { code: 'conflict' } });
    expect(client.named('connected').at(-1)).toMatchObject({ limits: { connections: 50 } });
    await client.close();
    expect(client.faults).toEqual([]);
  });

  it('contain user, role and tier; `userId` overrides `sub`; other claims have defaults', async () => {
    const full = await me(await sign({ userId: 'ann', sub: 's1', role: 'writer', tier: 'pro' }));
    expect(full).toMatchObject({
      userId: 'ann',
      keyId: 'jwt:s1',
      role: 'writer',
      tier: 'pro',
      limits: { connections: 50 },
    });
    expect(Date.parse(full.expiresAt)).toBeGreaterThan(Date.now());
    expect(await me(await sign({ sub: 'bob' }))).toMatchObject({
      userId: 'bob',
      keyId: 'jwt:bob',
      role: 'reader',
      tier: 'free',
    });
  });

  it('from a key set (JWKS) get role reader and tier free; the set is fetched once', async () => {
    for (let n = 0; n < 5; n++) {
      const token = await ofKeySet({ sub: `user${n}`, role: 'admin', tier: 'enterprise' });
      expect(await me(token)).toMatchObject({ userId: `user${n}`, role: 'reader', tier: 'free' });
    }
    expect(fetched).toBe(1);
    expect([...logins]).toEqual([`Basic ${Buffer.from('ann:wonder land').toString('base64')}`]);
    const overview = await fetch(`${app.url}/v1/admin/system`, {
      headers: { authorization: `Bearer ${app.adminKey}` },
    });
    const shown = await overview.text();
    expect(JSON.parse(shown)).toMatchObject({ settings: { JWKS_URL: { set: true }, JWT_SECRET: { set: true } } });
    for (const secret of ['wonder', 'ann:', SECRET]) expect(shown).not.toContain(secret);
  });

  it.each(['system', 'cli', 'unknown'])(
    'for a user named %s appear under an actor of their own in the audit trail',
    async (name) => {
      const asked = async (path: string, key = app.adminKey) =>
        (await fetch(`${app.url}${path}`, { headers: { authorization: `Bearer ${key}` } })).json() as Promise<{
          data: { actor: string; action: string }[];
        }>;
      const key = await app.key({ userId: name, role: 'admin' });
      for (const way of [await sign({ sub: name, role: 'admin' }), key]) await asked('/v1/admin/system', way);
      const actors = async (actor: string) =>
        (await asked(`/v1/admin/audit?action=system.read&actor=${actor}`)).data.map((entry) => entry.actor);
      expect(await actors(name)).toEqual([]);
      expect(await actors(`key:jwt:${name}`)).toEqual([`key:jwt:${name}`]);
      expect(await actors(`key:${key.split('_')[1]}`)).toHaveLength(1);
    },
  );

  it('must have the configured issuer and audience', async () => {
    for (const other of [
      { iss: 'https://other.example' },
      { aud: 'another-service' },
      { iss: undefined },
      { aud: [] },
    ]) {
      expect(await me(await sign({ sub: 'x', ...other }))).toMatchObject({ status: 401, code: 'invalid_api_key' });
      expect(await me(await ofKeySet({ sub: 'x', ...other }))).toMatchObject({ status: 401, code: 'invalid_api_key' });
    }
    expect((await me(await sign({ sub: 'x', aud: ['another-service', AUDIENCE] }))).userId).toBe('x');
  });

  it('are accepted up to 30 s after they expire or before they become valid', async () => {
    expect((await me(await sign({ sub: 'late' }, { exp: seconds(-20) }))).userId).toBe('late');
    expect((await me(await sign({ sub: 'late' }, { exp: seconds(-40) }))).code).toBe('api_key_expired');
    expect((await me(await sign({ sub: 'early', nbf: seconds(20) }))).userId).toBe('early');
    expect((await me(await sign({ sub: 'early', nbf: seconds(60) }))).code).toBe('invalid_api_key');
  });

  it.each([Date.now(), Number.MAX_SAFE_INTEGER, 1e300])('may have the expiry time %d', async (exp) => {
    const token = await sign({ sub: 'for-ever' }, { exp });
    expect(await me(token)).toMatchObject({ userId: 'for-ever', expiresAt: '9999-12-31T23:59:59.999Z' });
  });

  it.each<[string, () => Promise<string> | string]>([
    ['no signature', () => new UnsecuredJWT({ sub: 'x', role: 'admin' }).setExpirationTime('1m').encode()],
    ['another secret', () => sign({ sub: 'x' }, { secret: 'some other secret of length enough' })],
    ['no expiry', () => sign({ sub: 'x' }, { exp: null })],
    ['no user', () => sign({ role: 'admin' })],
    ['an empty user', () => sign({ sub: '' })],
    ['a user that is too long', () => sign({ sub: 'x'.repeat(256) })],
    ['a user with control characters', () => sign({ sub: 'a\u0000b' })],
    ['a subject with control characters', () => sign({ userId: 'x', sub: 'a\u0000b' })],
    ['a subject that is an object', () => sign({ sub: { id: 1 } as unknown as string })],
    ['a subject that is a list', () => sign({ userId: 'x', sub: ['x'] as unknown as string })],
    ['a user that is an object', () => sign({ userId: { id: 1 }, sub: 'x' })],
    ['a user that is a number', () => sign({ userId: 7, sub: 'x' })],
    ['an unknown role', () => sign({ sub: 'x', role: 'root' })],
    ['an unknown tier', () => sign({ sub: 'x', tier: 'gold' })],
    ['a null role', () => sign({ sub: 'x', role: null })],
    [
      'a changed payload',
      async () => {
        const [head, , signature] = (await sign({ sub: 'x' })).split('.');
        const payload = Buffer.from(JSON.stringify({ sub: 'x', role: 'admin', exp: seconds(60) })).toString(
          'base64url',
        );
        return `${head}.${payload}.${signature}`;
      },
    ],
    [
      'HS512 with the right secret',
      () =>
        new SignJWT({ sub: 'x' })
          .setProtectedHeader({ alg: 'HS512' })
          .setExpirationTime('1m')
          .sign(new TextEncoder().encode(SECRET.padEnd(64, '.'))),
    ],
    [
      'the public key as shared secret',
      async () =>
        new SignJWT({ sub: 'x' })
          .setProtectedHeader({ alg: 'HS256', kid: 'one' })
          .setExpirationTime('1m')
          .sign(new TextEncoder().encode(await exportSPKI(keys.publicKey))),
    ],
    [
      'a key of its own in the header',
      async () => {
        const own = await generateKeyPair('ES256');
        return new SignJWT({ sub: 'x' })
          .setProtectedHeader({ alg: 'ES256', jwk: await exportJWK(own.publicKey) })
          .setExpirationTime('1m')
          .sign(own.privateKey);
      },
    ],
    [
      'an unknown key id',
      () =>
        new SignJWT({ sub: 'x' })
          .setProtectedHeader({ alg: 'ES256', kid: 'two' })
          .setExpirationTime('1m')
          .sign(keys.privateKey),
    ],
    [
      'an unknown critical header',
      () => `${Buffer.from('{"alg":"HS256","crit":["x"],"x":1}').toString('base64url')}.e30.AAAA`,
    ],
    ['a header that is no JSON', () => 'AAAA.AAAA.AAAA'],
    ['empty parts', () => 'a..'],
  ])('with %s are refused', async (_, make) => {
    expect(await me(await make())).toMatchObject({ status: 401, code: 'invalid_api_key' });
  });
});

it('a token receives 503 if the key set is unreadable, and 401 if no key set is configured', async () => {
  isIssuerUnavailable = true;
  const jwks = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks.json`;
  const other = await createTestApp({ settings: { JWKS_URL: jwks, ...EXPECTED } });
  const plain = await createTestApp();
  try {
    const token = await new SignJWT({ sub: 'x' })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setExpirationTime('1m')
      .sign(keys.privateKey);
    const at = (url: string) => fetch(`${url}/v1/me`, { headers: { authorization: `Bearer ${token}` } });
    const unavailable = await at(other.url);
    expect([unavailable.status, unavailable.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await (await at(plain.url)).json()).toMatchObject({ code: 'invalid_api_key' });
  } finally {
    await other.close();
    await plain.close();
  }
});
