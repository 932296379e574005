import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';
import { Pods } from '../../platform/redis/pods.js';
import { ConnectionSlots } from './connection-slots.js';
import { Connections, type SlotHolder } from './connections.js';
import { SharedSlots } from './shared-slots.js';

/** The connections that have not shown a good key yet, by address: counted as those of keys are, and apart from them. */
@Injectable()
export class StrangerSlots extends ConnectionSlots<SlotHolder> {
  constructor(clock: Clock, shared: SharedSlots, pods: Pods) {
    super(new Connections<SlotHolder>(clock), shared, pods);
  }
}
