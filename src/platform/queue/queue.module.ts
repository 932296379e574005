import { Global, Module } from '@nestjs/common';
import { Queues } from './queues.js';

/** Queues and workers for everyone. */
@Global()
@Module({ providers: [Queues], exports: [Queues] })
export class QueueModule {}
