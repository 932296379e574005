import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { HealthNotices } from './health-notices.js';

/**
 * State of whether this process accepts new work. It turns unready before it stops serving, so that load balancers can
 * react.
 */
@Injectable()
export class Readiness implements OnModuleDestroy {
  /** Notices for operators that `/health/ready` shows. */
  readonly notices = new HealthNotices();
  private ending = false;

  get draining(): boolean {
    return this.ending;
  }

  /** Makes `/health/ready` answer 503 until the process ends. */
  beginDrain(): void {
    this.ending = true;
  }

  /** Begins the drain, the first step of every stop. */
  onModuleDestroy(): void {
    this.beginDrain();
  }
}
