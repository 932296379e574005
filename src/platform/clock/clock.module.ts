import { Global, Module } from '@nestjs/common';
import { Clock } from './clock.js';

/** Clock for all modules. */
@Global()
@Module({ providers: [Clock], exports: [Clock] })
export class ClockModule {}
