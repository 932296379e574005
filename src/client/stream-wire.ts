import { ClientError } from './client-error.js';
import type { DefiEvent, SnapshotItem, StreamMessage } from './events.js';
import { streamBody, type Ask } from './filter.js';
import type { FetchLike } from './runtime.js';
import type { Answer } from './subscription.js';
import type { Requester, Wire, WireSink } from './wire.js';

/** Bodies of the server's messages: the fields that the client reads. */
interface Received extends Answer {
  readonly items?: readonly SnapshotItem[];
  readonly snapshot?: { readonly cursor: string };
  readonly expiresInMs?: number | null;
  readonly reconnectAfterMs?: number;
  readonly mode?: string;
  readonly message?: string;
}

/** Time in which the server answers a request, ms. */
const ANSWER_TIMEOUT_MS = 15_000;

/** Connection over Server-Sent Events by `fetch`: one stream for each subscription, the key in a header. */
export class StreamWire implements Wire {
  private readonly streams = new Map<Requester, AbortController>();
  private hasEnded = false;

  constructor(
    private readonly fetch: FetchLike,
    private readonly url: string,
    private readonly secret: string,
    private readonly sink: WireSink,
  ) {
    void Promise.resolve().then(() => this.hasEnded || sink.opened());
  }

  ask(subscriber: Requester, ask: Ask): void {
    this.streams.get(subscriber)?.abort();
    const abort = new AbortController();
    this.streams.set(subscriber, abort);
    this.follow(subscriber, ask, abort).then(
      () => this.end(subscriber, abort),
      () => this.end(subscriber, abort),
    );
  }

  drop(_label: string, subscriber: Requester): void {
    this.streams.get(subscriber)?.abort();
    this.streams.delete(subscriber);
  }

  probe(): boolean {
    return false;
  }

  renew(): boolean {
    return false;
  }

  close(): void {
    this.hasEnded = true;
    for (const abort of this.streams.values()) abort.abort();
    this.streams.clear();
  }

  /** Ends the connection with the stream that ended, unless that was meant to. */
  private end(subscriber: Requester, abort: AbortController): void {
    if (this.hasEnded || this.streams.get(subscriber) !== abort) return;
    this.close();
    this.sink.ended();
  }

  private async follow(subscriber: Requester, ask: Ask, abort: AbortController): Promise<void> {
    const timer = setTimeout(() => abort.abort(), ANSWER_TIMEOUT_MS);
    const response = await this.fetch(`${this.url}v1/stream`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${this.secret}`,
        'content-type': 'application/json',
        accept: 'text/event-stream',
      },
      body: JSON.stringify(streamBody(subscriber.filter, ask)),
      signal: abort.signal,
      cache: 'no-store',
    }).finally(() => clearTimeout(timer));
    const isCurrent = (): boolean => this.streams.get(subscriber) === abort;
    if (!isCurrent()) return;
    this.sink.alive();
    if (response.status !== 200 || !response.body) {
      const body = (await response.json().catch(() => ({}))) as object;
      const retryable =
        response.status === 429 ? response.headers.get('x-retryable') !== 'false' : response.status > 499;
      const retryAfterMs = Number(response.headers.get('retry-after')) * 1_000 || 0;
      if (isCurrent()) this.refuse(ClientError.from({ ...body, retryable, retryAfterMs }), subscriber, ask);
      return;
    }
    const items: SnapshotItem[] = [];
    const reader = response.body.getReader();
    const text = new TextDecoder();
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done || !isCurrent()) return;
      this.sink.alive();
      const blocks = (rest + text.decode(value, { stream: true })).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) if (isCurrent()) this.receive(block, { subscriber, ask, items });
    }
  }

  private receive(
    block: string,
    { subscriber, ask, items }: { subscriber: Requester; ask: Ask; items: SnapshotItem[] },
  ): void {
    const { sink } = this;
    const [, name] = /^event: (.*)$/m.exec(block) ?? [];
    const [, data] = /^data: (.*)$/m.exec(block) ?? [];
    if (name === undefined || data === undefined) return;
    const body = JSON.parse(data, inMilliseconds) as Received;
    switch (name) {
      case 'connected':
        return sink.accepted(body.expiresInMs);
      case 'ready':
        return sink.answered(subscriber, { ...body, ...(ask.snapshot && { items, at: body.snapshot?.cursor }) }, ask);
      case 'heartbeat':
        return sink.beat(body.cursor, subscriber);
      case 'snapshot':
        for (const item of body.items ?? []) items.push(item);
        return;
      case 'query_result':
      case 'query_change':
        return sink.rows(subscriber, { ...body, eventType: name } as unknown as StreamMessage);
      case 'slow_consumer':
        return body.mode ? sink.merged() : undefined;
      case 'resync':
        return sink.restarted(body.cursor);
      case 'server_draining':
        return sink.draining(body.reconnectAfterMs ?? 0);
      case 'system_announcement':
        return sink.announced(body.message ?? '');
      case 'error':
        return this.refuse(ClientError.from(body), subscriber, ask);
      default:
        return sink.event(subscriber.label, body as unknown as DefiEvent);
    }
  }

  private refuse(error: ClientError, subscriber: Requester, ask: Ask): void {
    this.drop('', subscriber);
    if (error.isOfKey) this.sink.failed(error);
    else this.sink.refused(error, subscriber, ask);
  }
}

/** Turns the ISO times of this transport into the Unix milliseconds of the client. */
function inMilliseconds(name: string, value: unknown): unknown {
  return name === 'timestamp' && typeof value === 'string' ? Date.parse(value) : value;
}
