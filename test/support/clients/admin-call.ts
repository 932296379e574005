import type { TestApp } from '../servers/create-test-app.js';

/** Calls a route as the test application's admin; throws unless the call succeeds. */
export async function admin<T>(app: TestApp, method: string, path: string, body?: object): Promise<T> {
  const answer = await fetch(app.url + path, {
    method,
    headers: { authorization: `Bearer ${app.adminKey}`, 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.status} ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}
