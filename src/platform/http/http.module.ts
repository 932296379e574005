import { Global, Module } from '@nestjs/common';
import { BodyReader } from './bodies/body-reader.js';
import { Documents } from './documents.js';
import { RequestContext } from './request-context.js';

/** What requests share: ids, the reading of bodies, documents that are the same for everyone. */
@Global()
@Module({ providers: [RequestContext, BodyReader, Documents], exports: [RequestContext, BodyReader, Documents] })
export class HttpModule {}
