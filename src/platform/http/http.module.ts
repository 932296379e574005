import { Global, Module } from '@nestjs/common';
import { RequestContext } from './request-context.js';

/** What requests share: ids. */
@Global()
@Module({ providers: [RequestContext], exports: [RequestContext] })
export class HttpModule {}
