import { Injectable } from '@nestjs/common';

/** Clock of the process. Tests replace it where results depend on time. */
@Injectable()
export class Clock {
  /** Returns Unix milliseconds; may jump when the machine's clock is set. */
  now(): number {
    return Date.now();
  }

  /** Returns milliseconds since the process began; monotonic. For durations and timeouts. */
  elapsed(): number {
    return performance.now();
  }
}
