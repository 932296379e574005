import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';
import { WorkerPool } from '../workers/worker-pool.js';
import { workerTask } from '../workers/worker-task.js';

interface Built {
  readonly text: string;
  readonly bytes: Buffer;
  readonly etag: string;
}

/** Request that asks for a document, as middleware gets it. */
interface Exchange {
  readonly request: Request;
  readonly response: Response;
  readonly next: NextFunction;
}

interface Source {
  readonly form: 'json' | 'yaml';
  readonly make: () => object;
  /** Content as JSON, once it was made. */
  json?: string;
}

/** Key of the worker tasks: all documents are written for everybody. */
const EVERYBODY = 'documents';

const YAML = workerTask<string, string>(import.meta.url, './yaml-task', 'yamlOf', {
  lane: 'short',
  timeoutMs: 30_000,
  cpuMsPerMinute: 60_000,
});

/** Texts that are built once and sent to every client, because building takes tens of milliseconds. */
@Injectable()
export class Documents {
  private readonly sources = new Map<string, Source>();
  private readonly built = new Map<string, Promise<Built>>();

  constructor(private readonly workers: WorkerPool) {}

  /** Adds a document. `make` is called once, by `prepare` or by the first request before that. */
  add(name: string, form: Source['form'], make: () => object): void {
    this.sources.set(name, { form, make });
    this.built.delete(name);
  }

  /**
   * Makes the contents of all documents now, so that it delays no request later. YAML, which takes longest, is written by a
   * worker thread for the first request.
   */
  prepare(): void {
    for (const source of this.sources.values()) jsonOf(source);
  }

  async text(name: string): Promise<string> {
    return (await this.of(name)).text;
  }

  /** Sends the document, or 304 if the client's copy is current; gives a failure to `next`. */
  async send(name: string, contentType: string, { request, response, next }: Exchange): Promise<void> {
    try {
      const { bytes, etag } = await this.of(name);
      response.set({ 'Content-Type': contentType, 'Cache-Control': 'no-cache', ETag: etag });
      if (request.fresh) response.status(304).end();
      else response.end(request.method === 'HEAD' ? undefined : bytes);
    } catch (error) {
      next(error);
    }
  }

  private of(name: string): Promise<Built> {
    const known = this.built.get(name);
    if (known !== undefined) return known;
    const building = this.build(name);
    this.built.set(name, building);
    // The next request tries again.
    building.catch(() => this.built.delete(name));
    return building;
  }

  private async build(name: string): Promise<Built> {
    const source = this.sources.get(name);
    if (source === undefined) throw new Error(`document ${name} not found`);
    const json = jsonOf(source);
    const text = source.form === 'json' ? json : await this.workers.run(YAML, json, { key: EVERYBODY });
    const bytes = Buffer.from(text);
    return { text, bytes, etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"` };
  }
}

function jsonOf(source: Source): string {
  return (source.json ??= JSON.stringify(source.make()));
}
