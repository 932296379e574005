import { Controller, Get, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { Roles } from '../../access/index.js';
import { CsvList } from '../../platform/http/csv.interceptor.js';
import { NoQuery } from '../../platform/http/paging/page.dto.js';
import { ChainEvents } from './chain-events.js';
import { ChainEventsAnswer, ChainEventsQuery, type ChainEventView } from './chain-events.dto.js';
import { ChainStatus } from './chain-status.js';
import {
  ChainStatusAnswer,
  GapsAnswer,
  GapsQuery,
  ChainTokensAnswer,
  ChainTokensQuery,
  type ChainStatusView,
  type GapView,
  type TokenView,
} from './chain-status.dto.js';
import { TokenLookups } from './token-lookups.js';

@ApiTags('onchain')
@ApiBearerAuth()
@Roles('reader')
@Controller('v1/onchain')
export class OnchainController {
  constructor(
    private readonly chainEvents: ChainEvents,
    private readonly tokenLookups: TokenLookups,
    private readonly chainStatus: ChainStatus,
  ) {}

  /**
   * Lists events of watched contracts, ascending by chain, block and log index.
   * @remarks Events of blocks that were replaced are listed with `status=retracted` only.
   */
  @Get('events')
  @CsvList<ChainEventView>('onchain-events', [
    'id',
    'eventId',
    'onchainId',
    'chain',
    'contract',
    'kind',
    'blockNumber',
    'blockHash',
    'transactionHash',
    'transactionIndex',
    'logIndex',
    'timestamp',
    'from',
    'to',
    'startTokenId',
    'quantity',
    'tokenIds',
    'quantities',
    'staker',
    'status',
    'processed',
    'processedAt',
    'error',
  ])
  events(@Query() query: ChainEventsQuery): Promise<ChainEventsAnswer> {
    return this.chainEvents.list(query);
  }

  /** Lists tokens with their owners and stakers: first the unique ones, then balances. */
  @Get('tokens')
  @CsvList<TokenView>('onchain-tokens', ['chain', 'contract', 'tokenId', 'owner', 'staker', 'quantity', 'since'])
  tokens(@Query() query: ChainTokensQuery): Promise<ChainTokensAnswer> {
    return this.tokenLookups.list(query);
  }

  /** Returns how far each chain is read and projected, and the state of its endpoints. */
  @Get('status')
  @CsvList<ChainStatusView>('onchain-status', [
    'chain',
    'state',
    'reason',
    'eventsPerSecond',
    'blocksLeft',
    'etaSeconds',
  ])
  status(@Query() _query: NoQuery): Promise<ChainStatusAnswer> {
    return this.chainStatus.status();
  }

  /** Lists the ranges of blocks, up to each chain's newest block, whose logs are not stored; at most 10,000. */
  @Get('gaps')
  @CsvList<GapView>('onchain-gaps', ['chain', 'contract', 'fromBlock', 'toBlock', 'since', 'reason'])
  gaps(@Query() { chain }: GapsQuery): Promise<GapsAnswer> {
    return this.chainStatus.gaps(chain);
  }
}
