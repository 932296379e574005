import { io, type Socket } from 'socket.io-client';
import { WebSocket } from 'ws';
import { EventSource } from 'eventsource';
import { faultsOf } from './asyncapi-validator.js';

/** One event as a client keeps it: enough to compare with what writers committed. */
export interface SeenEvent {
  cursor: string;
  type: string;
  key: string;
  previous: number | null;
  current: number | null;
}

type Body = Record<string, unknown>;

const number = (value: unknown): number | null => (typeof value === 'number' ? value : null);

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

function seen(type: string, body: Body, cursor: unknown): SeenEvent {
  return {
    cursor: text(cursor),
    type,
    key: text(body['token']) || `${text(body['protocol'])}:${text(body['chain'])}`,
    previous: number(body['previousTvl'] ?? body['previousPrice']),
    current: number(body['currentTvl'] ?? body['currentPrice']),
  };
}

/**
 * A client that follows the resume rules of the contract and nothing else: its position is the newest cursor it saw; while
 * a replay has not been answered the position stays where it was, and what came meanwhile is kept only once it is answered.
 */
export abstract class ResumingClient {
  readonly events: SeenEvent[] = [];
  position: string | undefined;
  reconnects = 0;
  /** The `reconnectAfterMs` of every `server_draining`. */
  readonly farewells: number[] = [];
  /** Answers that were no success, and frames that the AsyncAPI document does not describe. */
  readonly refusals: string[] = [];
  /** Where each event goes once it counts as received. */
  record: (event: SeenEvent) => void = (event) => this.events.push(event);
  /** How often in a row the server said that it cannot hear its database. */
  staleBeats = 0;
  private pending: SeenEvent[] | undefined;
  private checked = 0;

  abstract connect(): void;
  /** Cuts the connection without a goodbye. */
  abstract drop(): void;
  abstract close(): void;

  protected beginReplay(): void {
    this.pending = [];
  }

  protected answered(cursor: unknown, recovered: unknown, reason?: unknown): void {
    if (this.position !== undefined && recovered !== true) this.refusals.push(String(reason));
    const pending = this.pending ?? [];
    this.pending = undefined;
    for (const event of pending) this.keep(event);
    this.advance(cursor);
  }

  protected take(event: SeenEvent): void {
    if (this.pending) this.pending.push(event);
    else this.keep(event);
  }

  protected heartbeat(cursor: unknown, stale: unknown): void {
    this.staleBeats = stale === true ? this.staleBeats + 1 : 0;
    if (!this.pending) this.advance(cursor);
  }

  /** A refused connection may say so: that is an invitation to come back. */
  protected drained(body: Body): void {
    if (typeof body['reconnectAfterMs'] === 'number') this.farewells.push(body['reconnectAfterMs']);
    if (typeof body['cursor'] !== 'string') this.refusals.push('server_draining without a cursor');
  }

  /** What may be tried again is tried again, from the same position. */
  protected refused(error: unknown): void {
    if ((error as Body | undefined)?.['retryable'] === true) this.drop();
    else this.refusals.push(JSON.stringify(error));
  }

  /** All of the first frames and some of the others: a client that validates everything is a slow one. */
  protected check(transport: 'socketio' | 'websocket' | 'sse', name: string, body: unknown): void {
    this.checked += 1;
    if (this.checked > 500 && this.checked % 50 !== 0) return;
    if (this.refusals.length < 10) this.refusals.push(...faultsOf(transport, name, body));
  }

  private keep(event: SeenEvent): void {
    this.record(event);
    this.advance(event.cursor);
  }

  private advance(cursor: unknown): void {
    if (typeof cursor === 'string' && (this.position === undefined || cursor > this.position)) this.position = cursor;
  }
}

export class SocketIoClient extends ResumingClient {
  private socket: Socket | undefined;

  /** `bodies` are subscribe bodies; they go out as one array, so that their replays are merged. */
  constructor(
    private readonly url: string,
    private readonly apiKey: string,
    private readonly bodies: Body[],
  ) {
    super();
  }

  connect(): void {
    const socket = io(`${this.url}/v1/realtime`, {
      auth: (give) => give({ apiKey: this.apiKey, ...(this.position === undefined ? {} : { since: this.position }) }),
      transports: ['websocket'],
      forceNew: true,
      reconnectionDelay: 50,
      reconnectionDelayMax: 200,
    });
    this.socket = socket;
    socket.on('connect', () => {
      this.reconnects += 1;
      this.beginReplay();
      const since = this.position === undefined ? {} : { since: this.position };
      const answer = (body: Body): void => {
        this.check('socketio', 'subscribe.ack', body);
        if (body['ok'] !== true) this.refused(body['error']);
        else this.answered(body['cursor'], body['recovered'], body['reason']);
      };
      socket.emit(
        'subscribe',
        this.bodies.map((body) => ({ ...body, ...since })),
        answer,
      );
    });
    socket.on('connect_error', () => {
      if (!socket.active) setTimeout(() => socket.connect(), 100);
    });
    socket.on('disconnect', (reason) => {
      if (reason === 'io server disconnect') setTimeout(() => socket.connect(), 50);
    });
    socket.onAny((name: string, body: unknown) => this.check('socketio', name, body));
    for (const type of ['tvl_change', 'price_change', 'protocol_update']) {
      socket.on(type, (body: Body) => this.take(seen(type, body, body['cursor'])));
    }
    socket.on('heartbeat', (body: Body) => this.heartbeat(body['cursor'], body['stale']));
    socket.on('server_draining', (body: Body) => this.drained(body));
  }

  drop(): void {
    this.socket?.io.engine?.close();
  }

  close(): void {
    this.socket?.disconnect();
  }
}

const WS_TYPES: Record<string, string> = {
  tvl_update: 'tvl_change',
  price_update: 'price_change',
  protocol_update: 'protocol_update',
};

export class WebSocketClient extends ResumingClient {
  private socket: WebSocket | undefined;
  private closed = false;

  constructor(
    private readonly url: string,
    private readonly apiKey: string,
    private readonly subscription: { channels: string[]; filters?: Body },
  ) {
    super();
  }

  connect(): void {
    const socket = new WebSocket(`${this.url.replace('http', 'ws')}/ws?apiKey=${this.apiKey}`);
    this.socket = socket;
    socket.on('open', () => {
      this.reconnects += 1;
      this.beginReplay();
      const since = this.position === undefined ? {} : { since: this.position };
      socket.send(JSON.stringify({ type: 'subscribe', ...this.subscription, ...since }));
    });
    socket.on('message', (data) => {
      if (this.socket === socket) this.receive(JSON.parse((data as Buffer).toString('utf8')) as Body);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (!this.closed && this.socket === socket) setTimeout(() => this.connect(), 100);
    });
  }

  private receive(message: Body): void {
    const type = text(message['type']);
    this.check('websocket', type, message);
    const event = WS_TYPES[type];
    if (event) this.take(seen(event, message['data'] as Body, message['cursor']));
    else if (type === 'heartbeat') this.heartbeat(message['cursor'], message['stale']);
    else if (type === 'subscription_result' || type === 'subscription_confirmed') {
      this.answered(message['cursor'], message['recovered'], message['reason']);
    } else if (type === 'server_draining') this.drained(message);
    else if (type === 'error' && (message['error'] as Body)['code'] !== 'server_draining') {
      this.refused(message['error']);
    }
  }

  drop(): void {
    this.socket?.terminate();
  }

  close(): void {
    this.closed = true;
    this.socket?.terminate();
  }
}

export class SseClient extends ResumingClient {
  private source: EventSource | undefined;
  private closed = false;

  constructor(
    private readonly url: string,
    private readonly apiKey: string,
    private readonly query: string,
  ) {
    super();
  }

  /** Reconnects by hand with `since`, as a client in another language would; browsers do it through Last-Event-ID. */
  connect(): void {
    const since = this.position === undefined ? '' : `&since=${this.position}`;
    const source = new EventSource(`${this.url}/v1/stream?${this.query}&apiKey=${this.apiKey}${since}`);
    this.source = source;
    this.beginReplay();
    const body = (event: MessageEvent): Body => {
      const parsed = JSON.parse(text(event.data)) as Body;
      this.check('sse', event.type, parsed);
      return parsed;
    };
    source.addEventListener('ready', (event) => {
      const { cursor, recovered, reason } = body(event);
      this.reconnects += 1;
      this.answered(cursor, recovered, reason);
    });
    for (const type of ['tvl_change', 'price_change', 'protocol_update']) {
      source.addEventListener(type, (event) => {
        if (this.source === source) this.take(seen(type, body(event), event.lastEventId));
      });
    }
    source.addEventListener('server_draining', (event) => this.drained(body(event)));
    source.addEventListener('heartbeat', (event) => this.heartbeat(event.lastEventId, body(event)['stale']));
    source.onerror = () => {
      if (this.source !== source) return;
      this.drop();
    };
  }

  drop(): void {
    const source = this.source;
    this.source = undefined;
    source?.close();
    if (!this.closed) setTimeout(() => this.connect(), 100);
  }

  close(): void {
    this.closed = true;
    this.source?.close();
  }
}
