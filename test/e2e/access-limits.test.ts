import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';

let app: TestApp;
beforeAll(async () => {
  app = await createTestApp({ settings: { LIMIT_API_REQUESTS: 'none=3,free=3,pro=5,enterprise=0', TRUST_PROXY: '1' } });
});
afterAll(() => app.close());

const me = (key?: string) =>
  fetch(`${app.url}/v1/me`, key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } });

describe('the request limit', () => {
  it('is reported in headers; requests above the limit receive 429 with `Retry-After`', async () => {
    const key = await app.key({ tier: 'pro' });
    for (const left of [4, 3, 2, 1, 0]) {
      const answer = await me(key);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('ratelimit-policy')).toBe('"default";q=5;w=60');
      expect(answer.headers.get('ratelimit')).toMatch(new RegExp(`^"default";r=${left};t=\\d+$`));
    }
    const over = await me(key);
    expect(over.status).toBe(429);
    expect(await over.json()).toMatchObject({ code: 'rate_limited', status: 429 });
    expect(Number(over.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(over.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect(over.headers.get('ratelimit')).toMatch(/^"default";r=0;t=\d+$/);
  });

  it('is counted separately for each key of the same user', async () => {
    const [one, two] = [await app.key({ tier: 'free', userId: 'u' }), await app.key({ tier: 'free', userId: 'u' })];
    for (let n = 0; n < 4; n++) await me(one);
    expect((await me(one)).status).toBe(429);
    expect((await me(two)).status).toBe(200);
  });

  it('can be set per key, and 0 means unlimited', async () => {
    const two = await app.key({ tier: 'pro', limits: { apiRequests: 2 } });
    expect([(await me(two)).status, (await me(two)).status, (await me(two)).status]).toEqual([200, 200, 429]);
    const none = await app.key({ tier: 'free', limits: { apiRequests: 0 } });
    for (let n = 0; n < 10; n++) {
      const answer = await me(none);
      expect([answer.status, answer.headers.has('ratelimit')]).toEqual([200, false]);
      expect(await answer.json()).toMatchObject({ limits: { apiRequests: 0 }, used: { apiRequests: null } });
    }
  });

  it('is shown in `/v1/me` together with the requests used', async () => {
    const key = await app.key({ tier: 'pro' });
    await me(key);
    expect(await (await me(key)).json()).toMatchObject({ limits: { apiRequests: 5 }, used: { apiRequests: 2 } });
  });

  it('counts requests without a valid key per address and does not block valid keys there', async () => {
    const key = await app.key({ tier: 'enterprise' });
    const statuses: number[] = [];
    for (let n = 0; n < 5; n++) statuses.push((await me(`rta_guess${n}_${'x'.repeat(43)}`)).status);
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
    expect((await me()).status).toBe(429);
    expect((await me(key)).status).toBe(200);
  });

  it('also counts, per address, requests with a key that may not use the transport', async () => {
    const key = await app.key({ tier: 'enterprise', transports: ['sse'] });
    const statuses: number[] = [];
    for (let n = 0; n < 5; n++) {
      const headers = { authorization: `Bearer ${key}`, 'x-forwarded-for': '192.0.2.7' };
      statuses.push((await fetch(`${app.url}/v1/me`, { headers })).status);
    }
    expect(statuses).toEqual([403, 403, 403, 429, 429]);
  });
});
