import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, jwtVerify, SignJWT, type CryptoKey, type JWK } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { IssuerKeys } from './issuer-keys.js';

const MINUTE_MS = 60_000;

describe('cached signing keys of a token issuer', () => {
  let server: Server;
  let keys: IssuerKeys;
  let privateKey: CryptoKey;
  let published: JWK[];
  let isUp: boolean;
  let fetched: number;

  beforeEach(async () => {
    const pair = await generateKeyPair('ES256');
    privateKey = pair.privateKey;
    published = [{ ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256' }];
    [isUp, fetched] = [true, 0];
    server = createServer((_, response) => {
      fetched += 1;
      response.writeHead(isUp ? 200 : 503, { 'content-type': 'application/json' });
      response.end(isUp ? JSON.stringify({ keys: published }) : '');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    keys = new IssuerKeys(`http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`);
  });
  afterEach(async () => {
    vi.useRealTimers();
    await new Promise<unknown>((resolve) => server.close(resolve).closeAllConnections());
  });

  const check = async (): Promise<unknown> => {
    const token = await new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid: 'k1' }).sign(privateKey);
    return jwtVerify(token, keys.known);
  };
  const pass = (ms: number): void => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    vi.advanceTimersByTime(ms);
  };
  const fetchedTimes = (times: number): Promise<void> => vi.waitFor(() => expect(fetched).toBe(times));

  it('still verify tokens when the issuer has been unavailable for three hours', async () => {
    await check();
    isUp = false;
    pass(180 * MINUTE_MS);
    await expect(check()).resolves.toBeDefined();
    await fetchedTimes(2);
    await expect(check()).resolves.toBeDefined();
  });

  it('are fetched again after ten minutes, so that tokens of a withdrawn key are refused', async () => {
    await check();
    await check();
    expect(fetched).toBe(1);
    published = [];
    pass(11 * MINUTE_MS);
    await check();
    await fetchedTimes(2);
    await vi.waitFor(() => expect(check()).rejects.toThrow('no applicable key'));
  });
});
