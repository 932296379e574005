import { Controller, Get, Header, Req } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request } from 'express';
import { stringify } from 'yaml';
import { Public } from '../../access/index.js';
import { asyncApiDocument } from './document.js';

const VERSION = '1.0.0';
const DEFAULT_HOST = 'localhost:8080';
/** Stands for the server's name until a request brings it. */
const HOST = 'host.invalid';

/** Describes the realtime messages to people and to code generators. */
@ApiExcludeController()
@Controller()
export class AsyncApiController {
  /** Rendering takes tens of milliseconds and anyone may ask: once for each scheme. */
  private readonly rendered = new Map<boolean, string>();

  @Get('asyncapi.yaml')
  @Public()
  @Header('Content-Type', 'application/yaml; charset=utf-8')
  document(@Req() request: Request): string {
    // A client writes this header: as a JSON string it is one YAML value, whatever it holds.
    const host = JSON.stringify(request.get('host') ?? DEFAULT_HOST);
    return this.template(request.secure).replaceAll(HOST, () => host);
  }

  private template(secure: boolean): string {
    let text = this.rendered.get(secure);
    if (text === undefined) {
      text = stringify(asyncApiDocument(HOST, secure, VERSION), { aliasDuplicateObjects: false, lineWidth: 120 });
      this.rendered.set(secure, text);
    }
    return text;
  }
}
