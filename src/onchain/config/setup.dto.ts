import { ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsDefined,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { IsName } from '../../events/index.js';
import { IfGiven, IsTime } from '../../platform/http/fields.js';
import { ADDRESS, Folded, IsAddress, IsChainNames, MAX_BLOCK } from './onchain-fields.js';
import { STANDARDS, type Address, type Standard } from '../core/index.js';

const POINTS = /^\d{1,18}(?:\.\d{1,6})?$/;

const IsPoints = (): PropertyDecorator =>
  Matches(POINTS, { message: '$property must be points as decimal text with at most six decimals' });

/** When a block counts as final. */
export class FinalitySetup {
  /** Tag by which endpoints name the newest final block. */
  @IfGiven()
  @IsIn(['finalized', 'safe'])
  tag: 'finalized' | 'safe' = 'finalized';

  /** Blocks below the newest one at which a block is final, where endpoints lack the tag or there are no endpoints. */
  @IfGiven()
  @IsInt()
  @Min(0)
  @Max(100_000)
  depth = 64;
}

/** JSON-RPC endpoint. Its addresses may contain keys: they are stored encrypted and never shown. */
export class EndpointSetup {
  @IsString()
  @MaxLength(2_000)
  @Matches(/^https?:\/\/\S+$/, { message: '$property must be a URL that starts with http:// or https://' })
  url!: string;

  /** WebSocket address; new heads are only a signal to look. */
  @IfGiven()
  @IsString()
  @MaxLength(2_000)
  @Matches(/^wss?:\/\/\S+$/, { message: '$property must be a URL that starts with ws:// or wss://' })
  ws?: string;
}

/** Contract whose logs are followed. */
export class ContractSetup {
  /** @example 0x00000000000000000000000000000000000000bb */
  @Folded()
  @IsAddress()
  address!: Address;

  /** ABI of the contract's events. */
  @IsIn(STANDARDS)
  standard!: Standard;

  /** First block whose logs are read; default: the chain's first block. */
  @IfGiven()
  @IsInt()
  @Min(0)
  @Max(MAX_BLOCK)
  fromBlock?: number;

  /** Contract of the tokens that are staked; default: the contract itself. */
  @IfGiven()
  @Folded()
  @IsAddress()
  token?: Address;
}

/** Chain to follow. */
export class ChainSetup {
  /** Name of the chain, used everywhere. @example ethereum */
  @IsName('chain')
  id!: string;

  /** Number of the chain (EIP-155); an endpoint of another chain is not used. */
  @IfGiven()
  @IsInt()
  @Min(1)
  @Max(MAX_BLOCK)
  chainId?: number;

  @IfGiven()
  @IsInt()
  @Min(0)
  @Max(MAX_BLOCK)
  startBlock = 0;

  /** Milliseconds between two looks for a new block. */
  @IfGiven()
  @IsInt()
  @Min(50)
  @Max(600_000)
  pollMs = 1_000;

  /** Blocks of the deepest reorganisation that is followed. */
  @IfGiven()
  @IsInt()
  @Min(1)
  @Max(10_000)
  forkDepth = 128;

  @IfGiven()
  @IsDefined()
  @ValidateNested()
  @Type(() => FinalitySetup)
  finality: FinalitySetup = new FinalitySetup();

  /** Endpoints, the preferred one first; none: the chain is fed by ingest only. */
  @IsArray()
  @ArrayMaxSize(16)
  @ValidateNested({ each: true })
  @Type(() => EndpointSetup)
  endpoints: EndpointSetup[] = [];

  @IsArray()
  @ArrayMaxSize(1_000)
  @ValidateNested({ each: true })
  @Type(() => ContractSetup)
  contracts: ContractSetup[] = [];
}

/** Version of the rates at which tokens earn points. */
export class RuleSetup {
  /** Time from which the rates apply, ISO 8601. */
  @IsTime()
  validFrom!: string;

  /** Points of a staked token per day: decimal text with at most six decimals. */
  @IsPoints()
  stakedPerTokenPerDay!: string;

  /** Points of a held token per day: decimal text with at most six decimals. */
  @IsPoints()
  heldPerTokenPerDay!: string;

  /** Chains to which the version applies; none: all. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @IsChainNames()
  chains?: string[];

  /** Contracts to which the version applies; none: all, except those of the standard erc20. */
  @ApiPropertyOptional({ type: [String] })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(1_000)
  @Folded()
  @Matches(ADDRESS, { each: true, message: 'each value in $property must be an address, 0x and 40 hexadecimal digits' })
  contracts?: Address[];
}

/** Budget that is shared among stakers in every epoch. */
export class FeastPoolSetup {
  /** Length of an epoch, seconds. */
  @IfGiven()
  @IsInt()
  @Min(60)
  @Max(31_536_000)
  epochSeconds = 604_800;

  /** Points that an epoch shares: decimal text with at most six decimals. */
  @IfGiven()
  @IsPoints()
  budget = '0';
}

export class PointsSetup {
  @IsArray()
  @ArrayMaxSize(1_000)
  @ValidateNested({ each: true })
  @Type(() => RuleSetup)
  rules: RuleSetup[] = [];

  @IfGiven()
  @ValidateNested()
  @Type(() => FeastPoolSetup)
  feastPool: FeastPoolSetup = new FeastPoolSetup();
}

/** File that ONCHAIN_CONFIG names. */
export class OnchainSetup {
  @IsArray()
  @ArrayMaxSize(100)
  @ValidateNested({ each: true })
  @Type(() => ChainSetup)
  chains: ChainSetup[] = [];

  @IfGiven()
  @ValidateNested()
  @Type(() => PointsSetup)
  points: PointsSetup = new PointsSetup();
}
