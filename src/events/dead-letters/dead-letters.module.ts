import { Module } from '@nestjs/common';
import { DeadLettersController } from './dead-letters.controller.js';
import { DeadLetters } from './dead-letters.js';

@Module({ controllers: [DeadLettersController], providers: [DeadLetters], exports: [DeadLetters] })
export class DeadLettersModule {}
