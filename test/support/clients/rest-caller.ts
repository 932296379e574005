import type { TestApp } from '../servers/create-test-app.js';

export interface RestAnswer {
  status: number;
  headers: Headers;
  text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- answers of many routes, judged by the tests
  body: any;
}

/** Calls a route with a key, or without one; a text is sent as it stands. */
export async function callApi(
  app: { readonly url: string },
  key: string | undefined,
  method: string,
  path: string,
  body?: unknown,
  more: Record<string, string> = {},
): Promise<RestAnswer> {
  const response = await fetch(app.url + path, {
    method,
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...more,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
}

/** User of the REST API who calls any route with one key. */
export class RestCaller {
  constructor(
    readonly url: string,
    readonly apiKey: string,
  ) {}

  /** Creates a new user with a key. */
  static async of(app: TestApp, userId: string, fields: Parameters<TestApp['key']>[0] = {}): Promise<RestCaller> {
    return new RestCaller(app.url, await app.key({ userId, ...fields }));
  }

  call(method: string, path: string, body?: unknown, more?: Record<string, string>): Promise<RestAnswer> {
    return callApi(this, this.apiKey, method, path, body, more);
  }

  get(path: string): Promise<RestAnswer> {
    return this.call('GET', path);
  }

  post(path: string, body?: unknown, more?: Record<string, string>): Promise<RestAnswer> {
    return this.call('POST', path, body, more);
  }

  /** Creates a rule and waits until it is evaluated. */
  async rule(body: object): Promise<string> {
    const made = await this.post('/v1/alerts/rules', body);
    if (made.status !== 201) throw new Error(`no rule: ${made.status} ${made.text}`);
    return made.body.ruleId as string;
  }
}
