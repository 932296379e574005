import { Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { Audited, Roles } from '../../access/index.js';
import { CsvList } from '../../platform/http/csv.interceptor.js';
import { DeadLetterRetries } from './dead-letter-retries.js';
import { DeadLetters, type DeadLetter } from './dead-letters.js';
import { DeadLetterParams, DeadLettersQuery } from './dead-letters.dto.js';
import { type Paged } from '../../platform/http/paging/page.js';

@ApiTags('admin')
@ApiBearerAuth()
@Controller('v1/admin/dead-letters')
@Roles('admin')
export class DeadLettersController {
  constructor(
    private readonly letters: DeadLetters,
    private readonly retries: DeadLetterRetries,
  ) {}

  /**
   * Lists events that a reader of the log could not handle, with the reason and the number of failures; the latest first.
   */
  @Get()
  @Audited('dead_letter.list')
  @CsvList<DeadLetter>('dead-letters', ['id', 'reader', 'reason', 'failures', 'firstFailedAt', 'lastFailedAt', 'event'])
  list(@Query() query: DeadLettersQuery): Promise<Paged<DeadLetter>> {
    return this.letters.list(query);
  }

  /**
   * Handles the event again. 204: it was handled, and the dead letter is removed. 409: it failed again, and the dead letter
   * has the new reason; or the reader does not run in this process.
   */
  @Post(':id/retry')
  @HttpCode(204)
  @Audited('dead_letter.retry')
  retry(@Param() { id }: DeadLetterParams): Promise<void> {
    return this.retries.retry(id);
  }

  /** Discards a dead letter. */
  @Delete(':id')
  @HttpCode(204)
  @Audited('dead_letter.discard')
  discard(@Param() { id }: DeadLetterParams): Promise<void> {
    return this.letters.discard(id);
  }
}
