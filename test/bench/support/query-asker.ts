import { Agent, request } from 'node:http';

export interface Answered {
  readonly status: number;
  readonly text: string;
  /** Time from the request to the complete answer, milliseconds. */
  readonly ms: number;
}

/** Sends queries over connections that stay open. */
export class QueryAsker {
  private readonly agent: Agent;
  private readonly headers: Readonly<Record<string, string>>;

  constructor(
    private readonly port: number,
    apiKey: string,
    connections: number,
  ) {
    this.agent = new Agent({ keepAlive: true, maxSockets: connections });
    this.headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
  }

  ask(body: string, path = '/v1/query/advanced'): Promise<Answered> {
    const startedAt = performance.now();
    return new Promise((resolve, reject) => {
      const asking = request(
        {
          agent: this.agent,
          host: '127.0.0.1',
          port: this.port,
          path,
          method: 'POST',
          headers: { ...this.headers, 'content-length': Buffer.byteLength(body) },
        },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('error', reject);
          answer.on('end', () =>
            resolve({
              status: answer.statusCode ?? 0,
              text: Buffer.concat(chunks).toString(),
              ms: performance.now() - startedAt,
            }),
          );
        },
      );
      asking.on('error', reject);
      asking.end(body);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}
