import { Injectable } from '@nestjs/common';

/** The process's clock, in Unix milliseconds. Tests replace it where time decides. */
@Injectable()
export class Clock {
  now(): number {
    return Date.now();
  }
}
