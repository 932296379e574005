import { Global, Module } from '@nestjs/common';
import { BackgroundLoops } from './background-loops.js';

/** Background loops for all modules. */
@Global()
@Module({ providers: [BackgroundLoops], exports: [BackgroundLoops] })
export class ProcessModule {}
