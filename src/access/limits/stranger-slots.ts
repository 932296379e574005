import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { Pods } from '../../platform/redis/pods.js';
import { ConnectionSlots } from './connection-slots.js';
import { Connections, type SlotHolder } from './connections.js';
import { SharedSlots } from './shared-slots.js';

/** Connections that have not yet presented a valid key, limited per address like the connections of a key. */
@Injectable()
export class StrangerSlots extends ConnectionSlots<SlotHolder> {
  constructor(clock: Clock, shared: SharedSlots, pods: Pods, loops: BackgroundLoops) {
    super(new Connections<SlotHolder>(clock), shared, pods, loops);
  }
}
