import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional } from 'class-validator';
import { IsName } from '../../events/index.js';
import { IsBlockDigits } from '../config/onchain-fields.js';
import { POSTED_KINDS } from './event-item.js';

export class PostedEventsQuery {
  /** First block that the request covers completely; only on chains without endpoints. */
  @IsOptional()
  @IsBlockDigits()
  fromBlock?: number;

  /** Last block that the request covers completely. */
  @IsOptional()
  @IsBlockDigits()
  toBlock?: number;

  /** Chain of the range if the request has no items. */
  @IsOptional()
  @IsName('chain')
  chain?: string;
}

const WHOLE: { oneOf: object[] } = {
  oneOf: [
    { type: 'integer', minimum: 0 },
    { type: 'string', pattern: '^[0-9]{1,78}$' },
  ],
};

/** Event as a writer posts it. Numbers above 2^53 - 1 must be decimal text. For the API document only: items are read one by one. */
class PostedChainItem {
  /** @example ethereum */
  chain!: string;

  contract!: string;

  @ApiProperty({ enum: POSTED_KINDS })
  type!: string;

  /** First token of a batch. */
  @ApiPropertyOptional(WHOLE)
  startTokenId?: number | string;

  /** Number of tokens of a batch. */
  @ApiPropertyOptional(WHOLE)
  quantity?: number | string;

  /** Token of `Stake` and `Unstake`. */
  @ApiPropertyOptional(WHOLE)
  tokenId?: number | string;

  /** Account of `BatchBurn` and `BatchTransfer`. */
  from?: string;

  /** Account of `BatchMint` and `BatchTransfer`. */
  to?: string;

  /** Account of `Stake` and `Unstake`. */
  staker?: string;

  /** Time of the block, Unix seconds, fractions allowed. */
  timestamp!: number;

  @ApiProperty(WHOLE)
  blockNumber!: number | string;

  /** Without it the event waits until the block of its number is known. */
  blockHash?: string;

  transactionHash!: string;

  @ApiPropertyOptional(WHOLE)
  transactionIndex?: number | string;

  @ApiProperty(WHOLE)
  logIndex!: number | string;

  /** Whether the block of the event was replaced: the event, its block and all later blocks are retracted. */
  removed?: boolean;
}

export class PostedChainItems {
  @ApiProperty({ type: [PostedChainItem], maxItems: 10_000 })
  items!: PostedChainItem[];
}

class OnchainRejectedItem {
  /** Place of the item in the request, from 0; in a stream that of its line. */
  index!: number;

  /**
   * Stable code. `out_of_order`: the block is final. `conflict`: the block has another event with this log index. `in_future`: the
   * time is more than a day ahead of the server's clock. `limit_exceeded`: more than 100 reorganisations in one request, or 50,000
   * events that wait for their block. Others are `unknown_block`, `unknown_chain`, `unknown_contract`, `out_of_range` and faults
   * of single fields.
   */
  code!: string;

  detail!: string;
}

export class PostedEventsAnswer {
  /** Accepted items; repetitions count. */
  accepted!: number;

  /** The first 10,000 rejections in the order of the items. */
  rejected!: OnchainRejectedItem[];

  rejectedCount!: number;

  /** Log position at or after everything that the request published; null if the log is more than 10 s behind. */
  @ApiProperty({ type: String, nullable: true })
  cursor!: string | null;
}
