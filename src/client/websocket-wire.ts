import { ClientError } from './client-error.js';
import type { DefiEvent, SnapshotItem, StreamMessage } from './events.js';
import { labelled, subscribeMessage, type Ask } from './filter.js';
import type { SocketClass, SocketLike } from './runtime.js';
import type { Answer } from './subscription.js';
import type { Requester, Wire, WireSink } from './wire.js';

interface Asked {
  readonly subscriber: Requester;
  readonly ask: Ask;
}

/** Messages of the server: the fields that the client reads. */
interface Received extends Answer {
  readonly type: string;
  readonly id?: number;
  readonly channels?: readonly string[];
  readonly data?: DefiEvent & { readonly message?: string };
  readonly merged?: number;
  readonly subscription?: { readonly id?: string };
  readonly subscriptionId?: string;
  readonly results?: readonly { readonly error?: unknown }[];
  readonly items?: readonly SnapshotItem[];
  readonly snapshot?: { readonly cursor: string };
  readonly expiresInMs?: number | null;
  readonly reconnectAfterMs?: number;
  readonly mode?: string;
  readonly error?: unknown;
}

/** Close codes after which the same key would be refused again. */
const FINAL_CODES = [4401, 4403];

/** Connection over plain WebSocket. The key is the first message, so it never stands in an address. */
export class WebSocketWire implements Wire {
  private readonly socket: SocketLike;
  private readonly asked = new Map<number, Asked>();
  /** Live queries by the server's id; equal queries share one. */
  private readonly queries = new Map<string, Set<Requester>>();
  private items: SnapshotItem[] = [];
  private lastId = 0;
  private isOpen = false;
  private hasEnded = false;
  private error: ClientError | undefined;

  /** @param position any cursor of the client: the server then knows that the client is returning */
  constructor(
    Socket: SocketClass,
    url: string,
    secret: string,
    position: string | undefined,
    private readonly sink: WireSink,
  ) {
    this.socket = new Socket(`${url.replace(/^http/, 'ws')}ws`);
    this.socket.onopen = () => {
      if (this.hasEnded) return;
      this.isOpen = true;
      this.send({ type: 'authenticate', apiKey: secret, since: position });
      // Messages sent right after this one wait for its answer.
      sink.opened();
    };
    this.socket.onmessage = ({ data }: { data: string }) => {
      if (this.hasEnded) return;
      sink.alive();
      this.receive(JSON.parse(data) as Received);
    };
    this.socket.onerror = () => {};
    this.socket.onclose = ({ code }: { code: number }) => {
      if (FINAL_CODES.includes(code)) this.error ??= new ClientError('forbidden', `Closed with ${code}.`, false);
      // A lost network says nothing about earlier refusals.
      this.end(code === 1006 ? undefined : this.error);
    };
  }

  ask(subscriber: Requester, ask: Ask): void {
    if (!this.isOpen) return;
    this.asked.set(++this.lastId, { subscriber, ask });
    this.send({ type: 'subscribe', id: this.lastId, ...subscribeMessage(subscriber.filter, subscriber.label, ask) });
  }

  drop(label: string, subscriber: Requester): void {
    const { filter } = subscriber;
    if (!filter.query) return this.send({ type: 'unsubscribe', channels: labelled(filter, label) });
    for (const [subscriptionId, subscribers] of this.queries) {
      if (!subscribers.delete(subscriber) || subscribers.size > 0) continue;
      this.queries.delete(subscriptionId);
      this.send({ type: 'unsubscribe', subscriptionId });
    }
  }

  probe(): boolean {
    this.send({ type: 'ping' });
    return true;
  }

  renew(secret: string): boolean {
    this.send({ type: 'authenticate', apiKey: secret });
    return true;
  }

  close(): void {
    this.hasEnded = true;
    this.socket.close();
  }

  private send(message: object): void {
    if (!this.hasEnded && this.isOpen) this.socket.send(JSON.stringify(message));
  }

  private end(error: ClientError | undefined): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.sink.ended(error);
  }

  private receive(message: Received): void {
    const { sink } = this;
    const { type, data, channels, cursor, merged } = message;
    if (data && channels) {
      const event = merged === undefined ? data : { ...data, merged };
      for (const channel of channels) sink.event(channel.slice(channel.lastIndexOf('#') + 1), event);
      return;
    }
    switch (type) {
      case 'connected':
      case 'authenticated':
        return sink.accepted(message.expiresInMs);
      case 'heartbeat':
        return sink.beat(cursor);
      case 'snapshot':
        for (const item of message.items ?? []) this.items.push(item);
        return;
      case 'subscription_result':
      case 'subscription_confirmed':
        return this.answered(message);
      case 'query_result':
      case 'query_change':
        for (const subscriber of this.queries.get(message.subscriptionId ?? '') ?? []) {
          sink.rows(subscriber, { ...message, eventType: type } as unknown as StreamMessage);
        }
        return;
      case 'slow_consumer':
        return message.mode ? sink.merged() : undefined;
      case 'resync':
        return sink.restarted(cursor);
      case 'server_draining':
        return sink.draining(message.reconnectAfterMs ?? 0);
      case 'system_announcement':
        return sink.announced(data?.message ?? '');
      case 'error':
        return this.refused(message);
    }
  }

  private answered(message: Received): void {
    const asked = this.asked.get(message.id ?? 0);
    if (!asked) return;
    const { subscriber, ask } = asked;
    this.asked.delete(message.id ?? 0);
    const fault = message.results?.find(({ error }) => error);
    if (fault) return this.sink.refused(ClientError.from(fault.error), subscriber, ask);
    const { items } = this;
    if (ask.snapshot) this.items = [];
    const queryId = message.subscription?.id;
    if (queryId !== undefined) this.addQuery(queryId, subscriber, ask);
    this.sink.answered(subscriber, { ...message, ...(ask.snapshot && { items, at: message.snapshot?.cursor }) }, ask);
  }

  /** Adds a receiver of a live query. The server sends the result only to the first, so a further one asks again. */
  private addQuery(id: string, subscriber: Requester, ask: Ask): void {
    const isWanted = !subscriber.hasEnded && ask === subscriber.asked;
    if (!isWanted && !this.queries.has(id)) return this.send({ type: 'unsubscribe', subscriptionId: id });
    if (!isWanted) return;
    const subscribers = this.queries.get(id) ?? new Set();
    const isKnown = subscribers.has(subscriber);
    this.queries.set(id, subscribers.add(subscriber));
    if (isKnown || subscribers.size === 1) return;
    this.send({ type: 'unsubscribe', subscriptionId: id });
    this.ask(subscriber, ask);
  }

  private refused({ id, error: body, subscriptionId }: Received): void {
    const error = ClientError.from(body);
    const asked = id === undefined ? undefined : this.asked.get(id);
    if (id !== undefined) this.asked.delete(id);
    if (asked) return this.sink.refused(error, asked.subscriber, asked.ask);
    const subscribers = this.queries.get(subscriptionId ?? '');
    if (!subscribers) {
      this.error = error;
      return this.sink.failed(error);
    }
    this.queries.delete(subscriptionId ?? '');
    for (const subscriber of subscribers) this.sink.refused(error, subscriber, subscriber.asked);
  }
}
