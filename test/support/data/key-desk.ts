import { callApi, type RestAnswer } from '../clients/rest-caller.js';
import { createTestApp, type TestApp } from '../servers/create-test-app.js';

/** Application without limits of requests, and its admin. */
export interface KeyDesk {
  readonly app: TestApp;
  /** Key of the admin. */
  readonly admin: string;
  call(method: string, path: string, key?: string, body?: unknown, more?: Record<string, string>): Promise<RestAnswer>;
  /** Creates a key, by default for alice. */
  make(fields?: object): Promise<{ id: string; key: string }>;
}

export async function keyDesk(): Promise<KeyDesk> {
  const app = await createTestApp({ settings: { LIMIT_API_REQUESTS: 'none=0,free=0,pro=0,enterprise=0' } });
  const admin = app.adminKey;
  const call: KeyDesk['call'] = (method, path, key, body, more) => callApi(app, key, method, path, body, more);
  const make = async (fields: object = {}): Promise<{ id: string; key: string }> =>
    (await call('POST', '/v1/admin/api-keys', admin, { userId: 'alice', ...fields })).body;
  return { app, admin, call, make };
}
