import { Module } from '@nestjs/common';
import { NotificationsModule } from '../notifications/index.js';
import { ChainRegistry } from './config/chain-registry.js';
import { OnchainStart } from './config/onchain-start.js';
import { OnchainLookupsModule } from './lookups/lookups.module.js';
import { LogRetention } from './repair/log-retention.js';
import { ChainAlarms } from './store/chain-alarms.js';
import { Projector } from './projector/projector.js';
import { ChainStore } from './store/chain-store.js';

/** Chains that the server follows, and the points that tokens earn. */
@Module({
  imports: [NotificationsModule, OnchainLookupsModule],
  providers: [ChainRegistry, OnchainStart, ChainStore, ChainAlarms, Projector, LogRetention],
  exports: [ChainRegistry],
})
export class OnchainModule {}
