import { Injectable } from '@nestjs/common';
import { currentRequest, runRequest } from '../fairness/working-for.js';

/** Context of the request that the current code runs for, wherever it runs. */
@Injectable()
export class RequestContext {
  /** Returns the id under which this request is logged and answered, and which its events carry. */
  correlationId(): string | undefined {
    return currentRequest();
  }

  run<T>(correlationId: string, work: () => T): T {
    return runRequest(correlationId, work);
  }
}
