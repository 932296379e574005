import { io, type Socket } from 'socket.io-client';
import { WebSocket } from 'ws';
import { EventSource } from 'eventsource';
import { ResumingClient, seen, text, type Body } from './resuming-client.js';

export class SocketIoClient extends ResumingClient {
  private socket: Socket | undefined;

  /** @param bodies subscribe bodies, sent as one array so that their replays are merged */
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
    const unlessCut = (): void => void (this.socket === socket && socket.connect());
    socket.on('connect_error', () => {
      if (!socket.active) setTimeout(unlessCut, 100);
    });
    socket.on('disconnect', (reason) => {
      if (reason === 'io server disconnect') setTimeout(unlessCut, 50);
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

  protected cut(): void {
    const { socket } = this;
    this.socket = undefined;
    socket?.io.engine?.close();
    // Sends no packet any more, but ends the library's own reconnect attempts.
    socket?.disconnect();
  }
}

const WS_TYPES: Record<string, string> = {
  tvl_update: 'tvl_change',
  price_update: 'price_change',
  protocol_update: 'protocol_update',
};

export class WebSocketClient extends ResumingClient {
  private socket: WebSocket | undefined;

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
      if (this.socket === socket) this.again();
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

  protected cut(): void {
    const { socket } = this;
    this.socket = undefined;
    socket?.terminate();
  }
}

export class SseClient extends ResumingClient {
  private source: EventSource | undefined;

  constructor(
    private readonly url: string,
    private readonly apiKey: string,
    private readonly query: string,
  ) {
    super();
  }

  /** Reconnects explicitly with `since`, like a client in another language; browsers use Last-Event-ID. */
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
    this.cut();
    this.again();
  }

  protected cut(): void {
    const { source } = this;
    this.source = undefined;
    source?.close();
  }
}
