import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { serverPort } from '../servers/server-port.js';

const BUCKET = 'backups';

/** S3 server in a process of its own, which can be taken away and brought back. */
export class S3Server {
  private process: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    private readonly directory: string,
  ) {}

  static async start(directory: string): Promise<S3Server> {
    const server = new S3Server(await serverPort(), directory);
    await server.begin();
    return server;
  }

  /** Place of backups in its bucket. */
  get place(): string {
    return `s3://${BUCKET}/some/prefix`;
  }

  /** Directory with the bucket's objects. */
  get files(): string {
    return join(this.directory, BUCKET, 'some/prefix');
  }

  /** Settings with which the command reaches it. */
  get env(): Record<string, string> {
    return {
      S3_ENDPOINT: `http://127.0.0.1:${this.port}`,
      S3_ACCESS_KEY_ID: 'S3RVER',
      S3_SECRET_ACCESS_KEY: 'S3RVER',
    };
  }

  async begin(): Promise<void> {
    const program = join(import.meta.dirname, 's3-server.mjs');
    const child = spawn(process.execPath, [program, String(this.port), this.directory, BUCKET], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.process = child;
    const ready = once(child.stdout, 'data');
    await Promise.race([ready, once(child, 'exit').then(() => Promise.reject(new Error('the S3 server ended')))]);
  }

  /** Takes the server away at once; its objects stay. */
  async end(): Promise<void> {
    const child = this.process;
    this.process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
}
