import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { HealthNotices } from './health-notices.js';

/** Whether this process wants new work. It stops wanting it before it stops serving, so that balancers can react. */
@Injectable()
export class Readiness implements OnModuleDestroy {
  /** What is shown beside it. */
  readonly notices = new HealthNotices();
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
