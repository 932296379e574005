import { Injectable } from '@nestjs/common';

/** The process's clock. Tests replace it where time decides. */
@Injectable()
export class Clock {
  /** Unix milliseconds; may jump when somebody sets the machine's clock. */
  now(): number {
    return Date.now();
  }

  /** Milliseconds since the process began; never jumps and never goes back. For how long something took or may take. */
  elapsed(): number {
    return performance.now();
  }
}
