import { Injectable } from '@nestjs/common';

/** Whether this process wants new work. It stops wanting it before it stops serving, so that balancers can react. */
@Injectable()
export class Readiness {
  private drainingSince: number | undefined;

  get draining(): boolean {
    return this.drainingSince !== undefined;
  }

  /** From now on `/health/ready` answers 503. There is no way back: the process is about to end. */
  beginDrain(): void {
    this.drainingSince ??= Date.now();
  }
}
