import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsInt, IsOptional, Matches, Max, Min } from 'class-validator';
import { IsName } from '../../events/index.js';
import { IfGiven, IsNotBlank, IsPlainText } from '../../platform/http/fields.js';
import { PageInfo, PageQuery } from '../../platform/http/paging/page.dto.js';
import { MAX_BLOCK } from '../config/onchain-fields.js';
import { ContractSetup } from '../config/setup.dto.js';
import { STANDARDS } from '../core/index.js';

const NULLABLE_TEXT = { type: String, nullable: true } as const;

export class CreatedChain {
  /** Name of the chain. */
  id!: string;
}

export class ChainParams {
  @IsName('chain')
  id!: string;
}

export class RewindBody {
  /** Last block that is kept. */
  @IsInt()
  @Min(0)
  @Max(MAX_BLOCK)
  toBlock!: number;

  /** Whether only to say what would be undone. */
  @IfGiven()
  @IsBoolean()
  dryRun?: boolean;

  /** Whether to undo it; either this or `dryRun` must be true. */
  @IfGiven()
  @IsBoolean()
  confirm?: boolean;
}

/** Everything above the block that is kept. */
export class RewindAnswer {
  blocks!: number;
  events!: number;

  /** Accounts that the events name. */
  accounts!: number;
}

export class ContractBody extends ContractSetup {
  /** Chain of the contract. @example ethereum */
  @IsName('chain')
  chain!: string;
}

export class ContractParams {
  @Matches(/^[1-9]\d{0,8}$/, { message: 'id must be the id of a contract' })
  id!: string;
}

export class ContractChange {
  /** Whether the contract's logs are not read for the time being. */
  @IsBoolean()
  paused!: boolean;
}

export class RereadBody {
  /** First block that is read again. */
  @IsInt()
  @Min(0)
  @Max(MAX_BLOCK)
  fromBlock!: number;

  /**
   * Whether the state is projected anew beside the present one, which it replaces when it has caught up. Without it the logs
   * are read and stored again, and the state stays.
   */
  @IfGiven()
  @IsBoolean()
  rebuild?: boolean;
}

export class ContractView {
  id!: string;
  chain!: string;
  address!: string;

  @ApiProperty({ enum: STANDARDS })
  standard!: string;

  /** First block whose logs are read. */
  fromBlock!: number;

  /** Contract of the tokens that are staked; null: the contract itself. */
  @ApiProperty(NULLABLE_TEXT)
  token!: string | null;

  paused!: boolean;

  @ApiProperty({ enum: ['config', 'rest', 'sample'] })
  origin!: string;

  /** Whether the state is projected anew beside the present one. */
  rebuilding!: boolean;
}

export class ContractPage {
  data!: ContractView[];
  page!: PageInfo;
}

export class DeadLogsQuery extends PageQuery {
  /** @example ethereum */
  @IsOptional()
  @IsName('chain')
  chain?: string;
}

export class DeadLogParams {
  @Matches(/^[1-9]\d{0,17}$/, { message: 'id must be the id of a dead log' })
  id!: string;
}

export class SkipBody {
  /** Reason for which the log is left out; accounts that it names see it as an adjustment. */
  @IsPlainText(1_000)
  @IsNotBlank()
  reason!: string;
}

export class DeadLogView {
  id!: string;
  chain!: string;
  contract!: string;
  blockNumber!: number;
  blockHash!: string;
  logIndex!: number;

  @ApiProperty({ enum: ['decode', 'project', 'store'] })
  stage!: string;

  /** Stable code of the fault. */
  code!: string;

  detail!: string;

  /** The log as it was read, or the decoded event. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  payload!: object;

  /** Time of the failure, ISO 8601. */
  createdAt!: string;
}

export class DeadLogPage {
  data!: DeadLogView[];
  page!: PageInfo;
}
