import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { waitFor } from '../wait-for.js';

export interface ReceivedHook {
  path: string;
  headers: IncomingHttpHeaders;
  /** Exact text that was signed. */
  body: string;
  /** Time of arrival, by `performance.now()`. */
  at: number;
  json: { type: string; timestamp: string; data: Record<string, unknown> };
}

export interface HookAnswer {
  status?: number;
  headers?: Record<string, string | undefined>;
  body?: string;
  /** Whether the receiver never answers. */
  silent?: boolean;
}

/** A real HTTP server that receives webhooks. It echoes challenges unless `echoes` is false. */
export class WebhookReceiver {
  readonly received: ReceivedHook[] = [];
  /** Returns the answer to the next requests; undefined: 200. Challenges are answered separately. */
  answer: (hook: ReceivedHook) => HookAnswer | undefined = () => undefined;
  echoes = true;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<WebhookReceiver> {
    const server = createServer();
    const receiver = new WebhookReceiver(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('error', () => undefined);
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        const json = JSON.parse(body);
        const hook = { path: request.url ?? '', headers: request.headers, body, at: performance.now(), json };
        receiver.received.push(hook);
        if (hook.json.type === 'endpoint.verify' && receiver.echoes) {
          response.end(JSON.stringify({ challenge: hook.json.data['challenge'] }));
          return;
        }
        const { status = 200, headers = {}, body: text = 'ok', silent = false } = receiver.answer(hook) ?? {};
        if (!silent) response.writeHead(status, headers).end(text);
      });
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return receiver;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  url(path = '/hook'): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  /** Returns the received webhooks of a type, oldest first. */
  of(type: string): ReceivedHook[] {
    return this.received.filter(({ json }) => json.type === type);
  }

  /** Waits until `count` webhooks of a type have arrived. */
  next(type: string, count = 1): Promise<ReceivedHook[]> {
    const what = `${count} × ${type}`;
    return waitFor(() => (this.of(type).length >= count ? this.of(type) : undefined), { what, timeoutMs: 20_000 });
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((done) => this.server.close(() => done()));
  }
}
