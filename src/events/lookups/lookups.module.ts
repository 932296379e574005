import { Module } from '@nestjs/common';
import { EventLookups } from './event-lookups.js';
import { EventsController } from './events.controller.js';
import { ExactRows } from './exact-rows.js';
import { HistoryLookups } from './history-lookups.js';
import { MarketLookups } from './market-lookups.js';
import { MarketsController } from './markets.controller.js';
import { PricesController } from './prices.controller.js';
import { ProtocolLookups } from './protocol-lookups.js';
import { ProtocolsController } from './protocols.controller.js';
import { TvlController } from './tvl.controller.js';
import { ValueLookups } from './value-lookups.js';

/** Routes that read values, charts, lists, movers and the event log. */
@Module({
  controllers: [TvlController, PricesController, ProtocolsController, MarketsController, EventsController],
  providers: [ValueLookups, ExactRows, HistoryLookups, ProtocolLookups, MarketLookups, EventLookups],
})
export class LookupsModule {}
