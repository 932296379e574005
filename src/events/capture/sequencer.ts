import { Injectable } from '@nestjs/common';

@Injectable()
export class Sequencer {
  /** Tells the leader of this process that something was just committed: it looks now instead of after its poll. */
  ring(): void {}
}
