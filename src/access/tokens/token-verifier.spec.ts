import { SignJWT, type JWTPayload } from 'jose';
import { describe, expect, it } from 'vitest';
import { Clock } from '../../platform/clock/clock.js';
import { parseSettings } from '../../platform/settings/settings.js';
import { TierLimits } from '../limits/tier-limits.js';
import { TokenVerifier } from './token-verifier.js';

const SECRET = 'a shared secret of sufficient length for HS256';
const NOW = Date.UTC(2026, 0, 1);

function verifier(env: Record<string, string> = {}): TokenVerifier {
  const settings = parseSettings({ JWT_SECRET: SECRET, ...env });
  return new TokenVerifier(settings, new TierLimits(settings), Object.assign(new Clock(), { now: () => NOW }));
}

const sign = (claims: JWTPayload, expiresInSeconds = 60): Promise<string> =>
  new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(NOW / 1_000 + expiresInSeconds)
    .sign(new TextEncoder().encode(SECRET));

describe('a signed token', () => {
  it('is read by the names of claims that are set', async () => {
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

  it('ends its connections when it ends, or, let in a moment late, as late as it is let in', async () => {
    expect(await verifier().verify(await sign({ sub: 'x' }, 60))).toMatchObject({ endsAt: NOW + 60_000 });
    expect(await verifier().verify(await sign({ sub: 'x' }, -20))).toMatchObject({
      expiresAt: NOW - 20_000,
      endsAt: NOW + 10_000,
    });
    await expect(verifier().verify(await sign({ sub: 'x' }, -40))).rejects.toMatchObject({ code: 'api_key_expired' });
  });
});
