import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { HealthNotices } from './health-notices.js';

/** Whether this process accepts new work. It stops accepting before it stops serving, so that balancers can react. */
@Injectable()
export class Readiness implements OnModuleDestroy {
  /** Notices shown beside it. */
  readonly notices = new HealthNotices();
  private ending = false;

  get draining(): boolean {
    return this.ending;
  }

  /** Makes `/health/ready` answer 503 from now on. Final: the process is about to end. */
  beginDrain(): void {
    this.ending = true;
  }

  /** Begins the drain, the first step of every stop. */
  onModuleDestroy(): void {
    this.beginDrain();
  }
}
