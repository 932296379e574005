import { Global, Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { LoopGuard } from './loop-guard.js';
import { LoopGuardInterceptor } from './loop-guard.interceptor.js';

/** The guard of the event loop, for everyone who names what it is busy with. */
@Global()
@Module({
  providers: [LoopGuard, { provide: APP_INTERCEPTOR, useClass: LoopGuardInterceptor }],
  exports: [LoopGuard],
})
export class LoopModule {}
