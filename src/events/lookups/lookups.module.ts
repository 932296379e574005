import { Module } from '@nestjs/common';
import { EventLookups } from './events/event-lookups.js';
import { EventsController } from './events/events.controller.js';
import { ExactRows } from './values/exact-rows.js';
import { HistoryLookups } from './values/history-lookups.js';
import { MarketLookups } from './markets/market-lookups.js';
import { MarketsController } from './markets/markets.controller.js';
import { PricesController } from './values/prices.controller.js';
import { ProtocolLookups } from './protocols/protocol-lookups.js';
import { ProtocolsController } from './protocols/protocols.controller.js';
import { TvlController } from './values/tvl.controller.js';
import { ValueLookups } from './values/value-lookups.js';

/** Routes that read values, charts, lists, movers and the event log. */
@Module({
  controllers: [TvlController, PricesController, ProtocolsController, MarketsController, EventsController],
  providers: [ValueLookups, ExactRows, HistoryLookups, ProtocolLookups, MarketLookups, EventLookups],
})
export class LookupsModule {}
