/** The service's REST routes that the page reads. */
export class Api {
  constructor(key) {
    this.key = key;
  }

  async get(path, query, signal) {
    const address = new URL(path, location.origin);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) address.searchParams.set(name, value);
    const answer = await fetch(address, { headers: { Authorization: `Bearer ${this.key}` }, signal });
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(body.detail ?? body.title ?? `The server answered ${answer.status}`);
    return body;
  }

  /** The series of a subject as two parallel lists: Unix seconds, values. */
  async history({ metric, id }, hours, signal) {
    const base = metric === 'tvl' ? '/v1/tvl' : '/v1/prices';
    const body = await this.get(
      `${base}/${encodeURIComponent(id)}/history`,
      { from: `now-${hours}h`, limit: 1000 },
      signal,
    );
    const points = (body.data ?? []).map((point) => [Date.parse(point.timestamp) / 1000, point.value]);
    points.sort((a, b) => a[0] - b[0]);
    return [points.map(([at]) => at), points.map(([, value]) => value)];
  }

  async movers(metric, window, signal) {
    const body = await this.get('/v1/movers', { metric, window, limit: 16 }, signal);
    return body.data ?? [];
  }
}
