import { Injectable, type OnModuleDestroy } from '@nestjs/common';

/** Whether this process wants new work. It stops wanting it before it stops serving, so that balancers can react. */
@Injectable()
export class Readiness implements OnModuleDestroy {
  private ending = false;

  get draining(): boolean {
    return this.ending;
  }

  /** From now on `/health/ready` answers 503. There is no way back: the process is about to end. */
  beginDrain(): void {
    this.ending = true;
  }

  /** The first step of every stop. */
  onModuleDestroy(): void {
    this.beginDrain();
  }
}
