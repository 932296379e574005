import { Global, Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { BodyReader } from './bodies/body-reader.js';
import { Documents } from './documents.js';
import { LongAnswersInterceptor } from './long-answers.interceptor.js';
import { RequestContext } from '../request/request-context.js';

/**
 * Shared parts of HTTP requests: request ids, reading of bodies, documents that are the same for every client, writing of
 * long answers.
 */
@Global()
@Module({
  providers: [RequestContext, BodyReader, Documents, { provide: APP_INTERCEPTOR, useClass: LongAnswersInterceptor }],
  exports: [RequestContext, BodyReader, Documents],
})
export class HttpModule {}
