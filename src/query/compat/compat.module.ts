import { Module } from '@nestjs/common';
import { CompatController } from './compat.controller.js';
import { DailyLevels } from './daily-levels.js';
import { LlamaAnswers } from './llama-answers.js';
import { LlamaLookups } from './llama-lookups.js';

/** DefiLlama-compatible routes. */
@Module({ controllers: [CompatController], providers: [LlamaAnswers, LlamaLookups, DailyLevels] })
export class CompatModule {}
