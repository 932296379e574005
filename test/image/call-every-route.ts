interface Operation {
  readonly parameters?: readonly { in: string; name: string }[];
  readonly requestBody?: object;
}

const METHODS = new Set(['get', 'head', 'put', 'patch', 'post', 'delete', 'query']);

/** Pages that the API document does not list. */
const PAGES = ['/', '/docs', '/openapi.json', '/asyncapi.json', '/metrics', '/health/live', '/health/ready'];

/**
 * Calls every documented route, with an empty body where it takes one, and every page, as an administrator. Returns the number
 * of calls, and those that ended with a 5xx: code that a route needs is missing.
 */
export async function callEveryRoute(url: string, key: string): Promise<{ calls: number; failed: string[] }> {
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, Operation>>;
  };
  const documented = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([method]) => METHODS.has(method))
      .map(([method, { requestBody }]) => ({ method: method.toUpperCase(), path, hasBody: requestBody !== undefined })),
  );
  const calls = [...documented, ...PAGES.map((path) => ({ method: 'GET', path, hasBody: false }))];
  const failed: string[] = [];
  for (const { method, path, hasBody } of calls) {
    const headers = { authorization: `Bearer ${key}`, ...(hasBody && { 'content-type': 'application/json' }) };
    const body = hasBody ? { body: '{}' } : {};
    const answer = await fetch(url + path.replaceAll(/\{\w+\}/g, 'x'), {
      method,
      headers,
      ...body,
      signal: AbortSignal.timeout(30_000),
    });
    if (answer.status >= 500) failed.push(`${method} ${path} ${answer.status}`);
    await answer.body?.cancel();
  }
  return { calls: calls.length, failed };
}
