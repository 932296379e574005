import { Injectable } from '@nestjs/common';
import { currentRequest, runRequest } from '../fairness/working-for.js';

/** Access to the id of the current request, from any code that the request runs. */
@Injectable()
export class RequestContext {
  /** Returns the id that the request's log lines, its answer and its events carry. */
  correlationId(): string | undefined {
    return currentRequest();
  }

  run<T>(correlationId: string, work: () => T): T {
    return runRequest(correlationId, work);
  }
}
