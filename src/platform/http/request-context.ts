import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable } from '@nestjs/common';

/** What is known about the request that the current code runs for, wherever it runs. */
@Injectable()
export class RequestContext {
  private readonly storage = new AsyncLocalStorage<string>();

  /** The id under which this request is logged and answered, and which its events carry. */
  correlationId(): string | undefined {
    return this.storage.getStore();
  }

  run<T>(correlationId: string, work: () => T): T {
    return this.storage.run(correlationId, work);
  }
}
