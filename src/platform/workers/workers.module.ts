import { Global, Module } from '@nestjs/common';
import { WorkerPool } from './worker-pool.js';

/** Worker threads for all modules. */
@Global()
@Module({ providers: [WorkerPool], exports: [WorkerPool] })
export class WorkersModule {}
