import { Module } from '@nestjs/common';
import { ChainEvents } from './chain-events.js';
import { ChainStatus } from './chain-status.js';
import { OnchainController } from './onchain.controller.js';
import { TokenLookups } from './token-lookups.js';

/** Routes that read events, tokens and the state of chains. */
@Module({
  controllers: [OnchainController],
  providers: [ChainEvents, TokenLookups, ChainStatus],
})
export class OnchainLookupsModule {}
