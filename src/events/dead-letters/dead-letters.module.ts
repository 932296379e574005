import { Module } from '@nestjs/common';
import { DeadLettersController } from './dead-letters.controller.js';
import { DeadLetters } from './dead-letters.js';

/** What readers of the log gave up on. */
@Module({ controllers: [DeadLettersController], providers: [DeadLetters], exports: [DeadLetters] })
export class DeadLettersModule {}
