import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';

interface Built {
  readonly text: string;
  readonly bytes: Buffer;
  readonly etag: string;
}

/** Texts that are built once and sent to every client, because building takes tens of milliseconds. */
@Injectable()
export class Documents {
  private readonly makers = new Map<string, () => string>();
  private readonly built = new Map<string, Built>();

  /** Adds a document. `make` is called once, by `prepare` or by the first request before that. */
  add(name: string, make: () => string): void {
    this.makers.set(name, make);
    this.built.delete(name);
  }

  /** Builds all documents now, so that building them delays no request later. */
  prepare(): void {
    for (const name of this.makers.keys()) this.of(name);
  }

  text(name: string): string {
    return this.of(name).text;
  }

  /** Sends the document, or 304 if the client's copy is current. */
  send(name: string, contentType: string, request: Request, response: Response): void {
    const { bytes, etag } = this.of(name);
    response.set({ 'Content-Type': contentType, 'Cache-Control': 'no-cache', ETag: etag });
    if (request.fresh) response.status(304).end();
    else response.end(request.method === 'HEAD' ? undefined : bytes);
  }

  private of(name: string): Built {
    const known = this.built.get(name);
    if (known !== undefined) return known;
    const text = this.makers.get(name)?.() ?? '';
    const bytes = Buffer.from(text);
    const built = { text, bytes, etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"` };
    this.built.set(name, built);
    return built;
  }
}
