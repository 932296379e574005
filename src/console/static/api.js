/**
 * Refusal by the server: `status`, `code`, and `errors` with each fault of the request and its place
 * (`/conditions/0/threshold`).
 */
class ApiError extends Error {
  constructor(status, { detail, title, code = '', errors = [] }) {
    super(detail ?? title ?? `The server answered ${status}`);
    Object.assign(this, { status, code, errors });
  }
}

/** REST routes of the service that the page reads. */
export class Api {
  constructor(key) {
    this.key = key;
  }

  get(path, query = {}, signal) {
    const address = new URL(path, location.origin);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined && value !== '') address.searchParams.set(name, value);
    return this.#ask(address, { signal });
  }

  /** Sends a change: `send('PATCH', '/v1/alerts/rules/7', { name })`. */
  send(method, path, body, { signal, headers } = {}) {
    const json = body === undefined ? {} : { 'Content-Type': 'application/json' };
    return this.#ask(path, {
      method,
      headers: { ...json, ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
    });
  }

  /** Runs a query once. */
  ask(query, signal) {
    return this.send('POST', '/v1/query/advanced', query, { signal });
  }

  /** Sends a request whose answer is text in the given format: `text/csv`. */
  async text(path, body, format, signal) {
    const headers = { Accept: format, 'Content-Type': 'application/json' };
    const answer = await this.#answer(path, { method: 'POST', headers, body: JSON.stringify(body), signal });
    return answer.text();
  }

  async #ask(address, request) {
    const answer = await this.#answer(address, request);
    return answer.json().catch(() => ({}));
  }

  async #answer(address, { headers, ...request }) {
    const answer = await fetch(address, { ...request, headers: { Authorization: `Bearer ${this.key}`, ...headers } });
    if (!answer.ok) throw new ApiError(answer.status, await answer.json().catch(() => ({})));
    return answer;
  }

  /** Returns the series of a subject as two parallel lists: Unix seconds, values. */
  async history({ metric, id }, hours, signal) {
    const base = metric === 'tvl' ? '/v1/tvl' : '/v1/prices';
    const query = { from: `now-${hours}h`, limit: 10_000 };
    const { data } = await this.get(`${base}/${encodeURIComponent(id)}/history`, query, signal);
    return [data.map(({ time }) => Date.parse(time) / 1000), data.map(({ value }) => value)];
  }

  /**
   * Returns the value that a subject had an hour, a day or a week ago; null if it had none; undefined for other times.
   * The first point of its history is not used, because it may be later than that time.
   */
  async valueBefore({ metric, id }, hours, signal) {
    const change = { 1: 'change1h', 24: 'change24h', 168: 'change7d' }[hours];
    if (!change) return undefined;
    const known = await this.get(
      `${metric === 'tvl' ? '/v1/tvl' : '/v1/prices'}/${encodeURIComponent(id)}`,
      {},
      signal,
    );
    const { [change]: percent, tvl, price = tvl } = metric === 'tvl' ? known : known.data[0];
    return percent === null ? null : price / (1 + percent / 100);
  }

  /** Returns the last alerts of the user, newest first. */
  async alerts(limit) {
    return (await this.get('/v1/alerts/history', { limit })).data;
  }

  async hasRules() {
    return (await this.get('/v1/alerts/rules', { limit: 1 })).data.length > 0;
  }

  /** Returns the largest moves in one direction, `up` or `down`. */
  async movers(metric, window, direction, limit, signal) {
    // Without a minimum value, the largest relative moves would be those of the smallest protocols.
    const minValue = metric === 'tvl' ? 1_000_000 : undefined;
    const { data } = await this.get('/v1/movers', { metric, window, direction, minValue, limit }, signal);
    return data.map((mover) => ({
      metric,
      id: metric === 'tvl' ? mover.protocol : mover.token,
      name: metric === 'tvl' ? (mover.name ?? mover.protocol) : (mover.symbol?.toUpperCase() ?? mover.token),
      value: mover.value,
      change: mover.changePercent,
    }));
  }
}
