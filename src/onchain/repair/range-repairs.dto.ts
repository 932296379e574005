import { ApiProperty } from '@nestjs/swagger';
import { IsInt, Matches, Max, Min } from 'class-validator';
import { IsName } from '../../events/index.js';
import { MAX_BLOCK } from '../config/onchain-fields.js';

const NULLABLE_TEXT = { type: String, nullable: true } as const;

/** Range of blocks of a followed chain. */
export class RepairRange {
  /** @example ethereum */
  @IsName('chain')
  chain!: string;

  /** First block. */
  @IsInt()
  @Min(0)
  @Max(MAX_BLOCK)
  fromBlock!: number;

  /** Last block; those above the newest one are left out. */
  @IsInt()
  @Min(0)
  @Max(MAX_BLOCK)
  toBlock!: number;
}

export class ReplayParams {
  @Matches(/^[1-9]\d{0,14}$/, { message: 'id must be the id of a replay' })
  id!: string;
}

/** Range that is read again, and how far it is. */
export class ReplayView {
  id!: string;
  chain!: string;
  fromBlock!: number;
  toBlock!: number;

  /** First block that was not read yet; the one after `toBlock` at the end. */
  nextBlock!: number;

  @ApiProperty({ enum: ['running', 'done', 'failed'] })
  state!: string;

  /** Logs that had been left out and are stored now. */
  healed!: number;

  /** Reason for which it failed. */
  @ApiProperty(NULLABLE_TEXT)
  reason!: string | null;
}

/** Digests of up to 1,000 blocks, SHA-256 over their logs in the order of the chain. */
export class VerifiedRangeView {
  from!: number;
  to!: number;

  /** Digest of the stored logs; null if none are stored that could be compared, as they were dropped or not read yet. */
  @ApiProperty(NULLABLE_TEXT)
  ours!: string | null;

  /** Digest of the logs that the endpoint shows. */
  @ApiProperty(NULLABLE_TEXT)
  theirs!: string | null;

  @ApiProperty({ type: Boolean, nullable: true })
  equal!: boolean | null;
}

export class VerifyAnswer {
  @ApiProperty({ type: () => [VerifiedRangeView] })
  ranges!: readonly VerifiedRangeView[];

  /** Number of blocks whose logs differed. */
  differences!: number;

  /** Logs that had been left out and are stored now. */
  healed!: number;
}
