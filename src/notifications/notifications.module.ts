import { Module } from '@nestjs/common';
import { Deliveries } from './deliveries/deliveries.js';
import { Preferences } from './preferences/preferences.js';
import { Targets } from './targets/targets.js';
import { Templates } from './templates/templates.js';

/** Messages to people and their programs: recorded, sent, retried, accounted for. */
@Module({
  providers: [Deliveries, Targets, Preferences, Templates],
  exports: [Deliveries, Targets, Preferences, Templates],
})
export class NotificationsModule {}
