import { Controller, Get, Header, Req } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request } from 'express';
import { stringify } from 'yaml';
import { Public } from '../../access/index.js';
import { asyncApiDocument } from './document.js';

const VERSION = '1.0.0';

/** Describes the realtime messages to people and to code generators. */
@ApiExcludeController()
@Controller()
export class AsyncApiController {
  @Get('asyncapi.yaml')
  @Public()
  @Header('Content-Type', 'application/yaml; charset=utf-8')
  document(@Req() request: Request): string {
    const host = request.get('host') ?? 'localhost:8080';
    return stringify(asyncApiDocument(host, request.secure, VERSION), { aliasDuplicateObjects: false, lineWidth: 120 });
  }
}
