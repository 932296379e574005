import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsBoolean, IsIn, IsOptional } from 'class-validator';
import { IsName } from '../../events/index.js';
import { PageInfo, PageQuery } from '../../platform/http/paging/page.dto.js';
import { Folded, IsAddress, IsBlockDigits, IsTokenId } from '../config/onchain-fields.js';
import { EVENT_KINDS, type Address, type EventKind } from '../core/index.js';

const EVENT_STATUSES = ['pending', 'final', 'retracted'] as const;
export type EventStatus = (typeof EVENT_STATUSES)[number];

export class ChainEventsQuery extends PageQuery {
  /** @example ethereum */
  @IsOptional()
  @IsName('chain')
  chain?: string;

  /** Contract that logged the events. @example 0x00000000000000000000000000000000000000bb */
  @IsOptional()
  @Folded()
  @IsAddress()
  contract?: Address;

  /** Name of the event in the contract's ABI. */
  @ApiPropertyOptional({ enum: EVENT_KINDS })
  @IsOptional()
  @IsIn(EVENT_KINDS, { message: `type must be one of ${EVENT_KINDS.join(', ')}` })
  type?: EventKind;

  /** First block. */
  @IsOptional()
  @IsBlockDigits()
  fromBlock?: number;

  /** Last block. */
  @IsOptional()
  @IsBlockDigits()
  toBlock?: number;

  /** Account of the events `Stake` and `Unstake`. */
  @IsOptional()
  @Folded()
  @IsAddress()
  staker?: Address;

  /** Token that the events concern, alone or among others; decimal digits. @example 17 */
  @IsOptional()
  @IsTokenId()
  tokenId?: string;

  /** Whether the events are in the state; absent: both. */
  @ApiPropertyOptional({ type: 'boolean' })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value))
  @IsBoolean()
  processed?: boolean;

  /** `pending`: the block may still be replaced; `retracted`: it was replaced. Absent: pending and final ones. */
  @ApiPropertyOptional({ enum: EVENT_STATUSES })
  @IsOptional()
  @IsIn(EVENT_STATUSES, { message: `status must be one of ${EVENT_STATUSES.join(', ')}` })
  status?: EventStatus;
}

const NULLABLE_TEXT = { type: String, nullable: true } as const;

/** Event of a watched contract. Token ids and quantities are decimal text. */
export class ChainEventView {
  /** Block number, transaction and log index, joined by `-`; differs between chains only by accident. */
  id!: string;

  /** Event of the log that announced it first; null for events that were too old to be announced, or are no longer kept. */
  @ApiProperty({ ...NULLABLE_TEXT, format: 'uuid' })
  eventId!: string | null;

  /** Chain, block hash and log index, joined by `:`. */
  onchainId!: string;

  chain!: string;
  contract!: string;

  @ApiProperty({ enum: EVENT_KINDS })
  kind!: string;

  blockNumber!: number;
  blockHash!: string;
  transactionHash!: string;
  transactionIndex!: number;
  logIndex!: number;

  /** Time of the block, ISO 8601. */
  timestamp!: string;

  /** Null for a mint. */
  @ApiProperty(NULLABLE_TEXT)
  from!: string | null;

  /** Null for a burn and for stakes. */
  @ApiProperty(NULLABLE_TEXT)
  to!: string | null;

  /** First token; null for `TransferBatch`. */
  @ApiProperty(NULLABLE_TEXT)
  startTokenId!: string | null;

  /** Number of tokens from `startTokenId` on, or the amount; null for `TransferBatch`. */
  @ApiProperty(NULLABLE_TEXT)
  quantity!: string | null;

  /** Tokens of `TransferBatch`. */
  tokenIds?: string[];

  /** Amounts of `TransferBatch`, one for each token. */
  quantities?: string[];

  /** Account of `Stake` and `Unstake`. */
  staker?: string;

  @ApiProperty({ enum: EVENT_STATUSES })
  status!: EventStatus;

  /** Whether the event is in the state. */
  processed!: boolean;

  /** Time at which the event came into the state, ISO 8601; null before that. */
  @ApiProperty(NULLABLE_TEXT)
  processedAt!: string | null;

  /** Reason why the event changed nothing, or less than it says, such as `not_owner`; null if it is valid. */
  @ApiProperty(NULLABLE_TEXT)
  error!: string | null;
}

export class ChainEventsAnswer {
  data!: ChainEventView[];
  page!: PageInfo;
}
