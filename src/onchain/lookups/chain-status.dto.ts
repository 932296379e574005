import { ApiProperty } from '@nestjs/swagger';
import { IsOptional } from 'class-validator';
import { IsName } from '../../events/index.js';
import { Folded, IsAddress } from '../config/onchain-fields.js';
import { PageInfo, PageQuery } from '../../platform/http/paging/page.dto.js';
import type { Address } from '../core/index.js';

const CHAIN_STATES = ['backfilling', 'following', 'paused', 'stopped'] as const;
const ENDPOINT_STATES = ['in_use', 'standby', 'out'] as const;
const NULLABLE_NUMBER = { type: Number, nullable: true } as const;
const NULLABLE_TEXT = { type: String, nullable: true } as const;

class EndpointView {
  /** Address without path and query, which may contain keys. */
  url!: string;

  @ApiProperty({ enum: ENDPOINT_STATES })
  state!: string;

  /** Newest block that the endpoint named; null if it has not answered yet. */
  @ApiProperty(NULLABLE_NUMBER)
  height!: number | null;

  /** Reason why the endpoint is out. */
  reason?: string;
}

class BlockView {
  number!: number;

  /** Null if the header is no longer kept. */
  @ApiProperty(NULLABLE_TEXT)
  hash!: string | null;
}

/** Condition of the chain that operators must know. */
class ChainAlarmView {
  /** Stable code, such as `gap` or `deep_reorg`. */
  code!: string;

  detail!: string;

  /** Time since which it holds, ISO 8601. */
  since!: string;
}

export class ChainStatusView {
  chain!: string;

  @ApiProperty({ enum: CHAIN_STATES })
  state!: string;

  /** Reason why the chain or one of its contracts does not go on. */
  reason?: string;

  /** Newest block; null before the first. */
  @ApiProperty({ type: BlockView, nullable: true })
  head!: BlockView | null;

  /** Newest block that can no longer be replaced; null before the first. */
  @ApiProperty({ type: BlockView, nullable: true })
  finalized!: BlockView | null;

  /** Block up to which every contract is in the state; null before the first. */
  @ApiProperty({ type: BlockView, nullable: true })
  projected!: BlockView | null;

  /** Events stored per second, averaged over the last seconds. */
  eventsPerSecond!: number;

  /** Blocks between `projected` and `head`. */
  blocksLeft!: number;

  /** Seconds until `projected` reaches `head` at the present rate; null while the rate is unknown. */
  @ApiProperty(NULLABLE_NUMBER)
  etaSeconds!: number | null;

  endpoints!: EndpointView[];

  /** Alarms that hold, the oldest first. */
  alarms!: ChainAlarmView[];
}

export class ChainStatusAnswer {
  data!: ChainStatusView[];
}

export class GapsQuery {
  /** @example ethereum */
  @IsOptional()
  @IsName('chain')
  chain?: string;
}

export class GapView {
  chain!: string;
  contract!: string;

  /** First block whose logs are not stored. */
  fromBlock!: number;

  /** Last block whose logs are not stored. */
  toBlock!: number;

  /** Time since which the logs are missing, ISO 8601: that of the first block if its header is kept, else that of the contract's addition. */
  since!: string;

  /** Reason: `backfill` (not read yet), `missing` (later blocks are stored), `paused`, or the reason for which the chain stopped. */
  reason!: string;
}

export class GapsAnswer {
  data!: GapView[];
}

export class ChainTokensQuery extends PageQuery {
  /** Account that owns or stakes the tokens. */
  @IsOptional()
  @Folded()
  @IsAddress()
  account?: Address;

  /** Contract of the tokens. */
  @IsOptional()
  @Folded()
  @IsAddress()
  contract?: Address;

  /** @example ethereum */
  @IsOptional()
  @IsName('chain')
  chain?: string;
}

export class TokenView {
  chain!: string;
  contract!: string;

  /** Decimal digits; 0 for ERC-20. */
  tokenId!: string;

  owner!: string;

  /** Account that stakes the token; null if it is not staked. */
  @ApiProperty(NULLABLE_TEXT)
  staker!: string | null;

  /** Amount that the owner has, decimal digits: 1 for tokens that are unique. */
  quantity!: string;

  /** Time since which the token is owned or staked in this amount, ISO 8601. */
  since!: string;
}

export class ChainTokensAnswer {
  data!: TokenView[];
  page!: PageInfo;
}
