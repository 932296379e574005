import { Controller, Get, Header, Req } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request } from 'express';
import { Public } from '../../access/index.js';
import { Documents } from '../../platform/http/documents.js';
import { asyncApiDocument } from './document.js';

const VERSION = '1.0.0';
const DEFAULT_HOST = 'localhost:8080';
/** Placeholder of the server's name until a request brings the real one. */
const HOST = 'host.invalid';

/** Describes the realtime messages to people and to code generators. */
@ApiExcludeController()
@Controller()
export class AsyncApiController {
  constructor(private readonly documents: Documents) {
    for (const scheme of ['http', 'https']) {
      documents.add(nameFor(scheme), 'yaml', () => asyncApiDocument(HOST, scheme === 'https', VERSION));
    }
  }

  @Get('asyncapi.yaml')
  @Public('pages')
  @Header('Content-Type', 'application/yaml; charset=utf-8')
  async document(@Req() request: Request): Promise<string> {
    // The client chooses this header. As a JSON string it is always a single YAML value, whatever its content.
    const host = JSON.stringify(request.get('host') ?? DEFAULT_HOST);
    return (await this.documents.text(nameFor(request.protocol))).replaceAll(HOST, () => host);
  }
}

function nameFor(scheme: string): string {
  return `/asyncapi.yaml for ${scheme}`;
}
