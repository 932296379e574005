import { Module } from '@nestjs/common';
import { LANE_PROCESSORS } from './deliveries/lane-processors.js';
import { NotificationsModule } from './notifications.module.js';

/** Processors of the queues, in processes of role `worker` or `all`. */
@Module({ imports: [NotificationsModule], providers: LANE_PROCESSORS })
export class LaneProcessorsModule {}
