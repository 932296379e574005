import { Global, Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { LoopGuard } from './loop-guard.js';
import { LoopGuardInterceptor } from './loop-guard.interceptor.js';

/** Guard of the event loop, for all code that names its work. */
@Global()
@Module({
  providers: [LoopGuard, { provide: APP_INTERCEPTOR, useClass: LoopGuardInterceptor }],
  exports: [LoopGuard],
})
export class LoopModule {}
