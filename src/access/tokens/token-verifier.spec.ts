import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose';
import { describe, expect, it, vi } from 'vitest';
import { Clock } from '../../platform/clock/clock.js';
import { parseSettings } from '../../platform/settings/settings.js';
import { TierLimits } from '../limits/tier-limits.js';
import { TokenVerifier } from './token-verifier.js';

const SECRET = 'a shared secret of sufficient length for HS256';
const NOW = Date.UTC(2026, 0, 1);

function verifier(env: Record<string, string> = {}, now = () => NOW): TokenVerifier {
  const settings = parseSettings({ JWT_SECRET: SECRET, ...env });
  return new TokenVerifier(settings, new TierLimits(settings), Object.assign(new Clock(), { now }));
}

const sign = (claims: JWTPayload, expiresInSeconds = 60): Promise<string> =>
  new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(NOW / 1_000 + expiresInSeconds)
    .sign(new TextEncoder().encode(SECRET));

describe('a JWT', () => {
  it('supplies user, tier and role from the claims named in `JWT_CLAIMS` or from default claims', async () => {
    const named = verifier({ JWT_CLAIMS: 'account, https://x.example/plan, rights' });
    const token = await sign({
      account: 'ann',
      'https://x.example/plan': 'pro',
      rights: 'writer',
      role: 'admin',
      sub: 's',
    });
    expect(await named.verify(token)).toMatchObject({ userId: 'ann', tier: 'pro', role: 'writer', keyId: 'jwt:s' });
    expect(await verifier().verify(token)).toMatchObject({ userId: 's', tier: 'free', role: 'admin' });
  });

  it('ends its connections at expiry, or 30 s after expiry if accepted shortly after expiry', async () => {
    expect(await verifier().verify(await sign({ sub: 'x' }, 60))).toMatchObject({ endsAt: NOW + 60_000 });
    expect(await verifier().verify(await sign({ sub: 'x' }, -20))).toMatchObject({
      expiresAt: NOW - 20_000,
      endsAt: NOW + 10_000,
    });
    await expect(verifier().verify(await sign({ sub: 'x' }, -40))).rejects.toMatchObject({ code: 'api_key_expired' });
  });

  it('is refused from its end on although it was accepted just before', async () => {
    let now = NOW;
    const [shown, token] = [verifier({}, () => now), await sign({ sub: 'x' }, 60)];
    now = NOW + 89_999;
    expect(await shown.verify(token)).toBe(await shown.verify(token));
    now++;
    await expect(shown.verify(token)).rejects.toMatchObject({ code: 'api_key_expired' });
  });

  it('is refused if the user name is blank, too long or not storable as text in PostgreSQL', async () => {
    for (const sub of ['', '  ', 'a\0b', 'a\uD800', 'x'.repeat(256)])
      await expect(verifier().verify(await sign({ sub }))).rejects.toMatchObject({ code: 'invalid_api_key' });
    expect(await verifier().verify(await sign({ sub: ' Zoë 😀' }))).toMatchObject({ userId: ' Zoë 😀' });
  });

  it('is refused with the name of the missing or wrong claim', async () => {
    const strict = verifier({ JWT_ISSUER: 'https://id.example' });
    for (const iss of ['https://other.example', undefined])
      await expect(strict.verify(await sign({ sub: 'x', ...(iss && { iss }) }))).rejects.toThrow(
        /claim iss is missing or/,
      );
  });

  it('is accepted with a newly published key once 5 s have passed since the last key fetch', async () => {
    const keys = await Promise.all(['old', 'new'].map(async (kid) => ({ kid, ...(await generateKeyPair('ES256')) })));
    const published: object[] = [];
    const publish = async (index: number) =>
      published.push({ ...(await exportJWK(keys[index]!.publicKey)), kid: keys[index]!.kid, alg: 'ES256' });
    await publish(0);
    const issuer = createServer((_, answer) => answer.end(JSON.stringify({ keys: published }))).listen(0, '127.0.0.1');
    await once(issuer, 'listening');
    const JWKS_URL = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/`;
    const named = { iss: 'https://id.example', aud: 'rta', sub: 'x' };
    const remote = verifier({ JWKS_URL, JWT_ISSUER: named.iss, JWT_AUDIENCE: named.aud });
    const tokens = await Promise.all(
      keys.map(({ kid, privateKey }) =>
        new SignJWT(named)
          .setProtectedHeader({ alg: 'ES256', kid })
          .setExpirationTime(NOW / 1_000 + 60)
          .sign(privateKey),
      ),
    );
    const now = Date.now();
    const clock = vi.spyOn(Date, 'now').mockReturnValue(now);
    try {
      await expect(remote.verify(tokens[0]!)).resolves.toMatchObject({ userId: 'x' });
      await publish(1);
      await expect(remote.verify(tokens[1]!)).rejects.toMatchObject({ code: 'invalid_api_key' });
      clock.mockReturnValue(now + 5_001);
      await expect(remote.verify(tokens[1]!)).resolves.toMatchObject({ userId: 'x' });
    } finally {
      clock.mockRestore();
      issuer.close();
    }
  });
});
