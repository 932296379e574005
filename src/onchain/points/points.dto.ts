import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsOptional, ValidateBy } from 'class-validator';
import { IsName } from '../../events/index.js';
import { IfGiven, IsMoment } from '../../platform/http/fields.js';
import { readTime } from '../../platform/input/time.js';
import { PageInfo, PageQuery } from '../../platform/http/paging/page.dto.js';
import { Folded, IsAddress } from '../config/onchain-fields.js';
import { RuleSetup } from '../config/setup.dto.js';
import type { Address } from '../core/index.js';

const IsEndedDay = (): PropertyDecorator =>
  ValidateBy({
    name: 'isEndedDay',
    validator: {
      validate: (value) => {
        const reading = readTime(value, 0, { days: true });
        return (
          typeof value === 'string' && value.length === 10 && 'at' in reading && reading.at + 86_400_000 <= Date.now()
        );
      },
      defaultMessage: () => '$property must be a day of the calendar that has ended in UTC, such as 2026-01-31',
    },
  });
const NULLABLE_TEXT = { type: String, nullable: true } as const;
const NULLABLE_NUMBER = { type: Number, nullable: true } as const;

/** State to which an answer refers. */
export class AsOfView {
  /** Answers with one cursor agree. */
  cursor!: string;

  /** Time of the newest projected block of all chains, ISO 8601; null before the first. */
  @ApiProperty(NULLABLE_TEXT)
  at!: string | null;

  /** Newest projected block of each chain. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'integer' }, example: { ethereum: 19_000_000 } })
  chains!: Readonly<Record<string, number>>;
}

export class AccountParams {
  /** @example 0x00000000000000000000000000000000000000aa */
  @Folded()
  @IsAddress()
  account!: Address;
}

/** Points are decimal text with at most six decimals. */
export class AccountPointsView {
  account!: string;

  /** Sum of `pending` and `final`. */
  points!: string;

  /** Points from blocks that may still be replaced. */
  pending!: string;

  final!: string;

  /** Place among all accounts, from 1 on; null for an account without tokens, now and before. */
  @ApiProperty(NULLABLE_NUMBER)
  rank!: number | null;

  /** Tokens that the account stakes, decimal digits. */
  stakedTokens!: string;

  /** Tokens that the account holds without staking them, decimal digits. */
  heldTokens!: string;

  as_of!: AsOfView;
}

export class PointsHistoryQuery {
  /** Start: ISO 8601 with zone, a day, Unix milliseconds, or `now-30d`; default: the first day. */
  @IsOptional()
  @IsMoment()
  from?: string;

  /** End, in the same forms; default: now, and the last row is then the present one. */
  @IsOptional()
  @IsMoment()
  to?: string;
}

export class PointsHistoryRow {
  /** End of the day, 00:00 UTC of the next; of the last row the present time of `as_of`. ISO 8601. */
  at!: string;

  points!: string;

  /** Points earned since the row before. */
  earned!: string;

  @ApiProperty(NULLABLE_NUMBER)
  rank!: number | null;
}

export class PointsHistoryAnswer {
  data!: PointsHistoryRow[];
  as_of!: AsOfView;
}

export class PointsExplainQuery {
  /** Time to which the balance refers, in the forms of `from`; default: the newest projected block of each chain. */
  @IsOptional()
  @IsMoment()
  at?: string;
}

export class ExplainedInterval {
  chain!: string;
  contract!: string;

  /** Null if the row is the sum of further intervals. */
  @ApiProperty(NULLABLE_TEXT)
  tokenId!: string | null;

  @ApiProperty({ enum: ['staked', 'held'] })
  kind!: 'staked' | 'held';

  /** Number of equal tokens, decimal digits: 1 for unique ones. */
  quantity!: string;

  /** Start, ISO 8601. */
  from!: string;

  /** End, ISO 8601; of an interval that goes on, the time to which the balance refers. */
  to!: string;

  /** Version of the rates; an interval in which versions change has a row for each. */
  ruleVersion!: number;

  /** Micro-points times milliseconds of a day; decimal digits. */
  numerator!: string;

  /** Numerator divided by 86,400,000, rounded down, in points. */
  points!: string;
}

class Adjustment {
  /** Time, ISO 8601. */
  at!: string;
  reason!: string;
  points!: string;
}

export class ExplainAnswer {
  account!: string;

  /** Time to which the balance refers, ISO 8601; null if nothing is projected. */
  @ApiProperty(NULLABLE_TEXT)
  at!: string | null;

  /** Sum of all numerators divided by 86,400,000, rounded down, plus the adjustments; in points. */
  balance!: string;

  /** The oldest 10,000 rows; further intervals are added up by contract, kind and version. */
  intervals!: ExplainedInterval[];

  adjustments!: Adjustment[];
  as_of!: AsOfView;
}

export class LeaderboardQuery extends PageQuery {
  /** Chain whose points alone count; default: all. @example ethereum */
  @IsOptional()
  @IsName('chain')
  chain?: string;
}

export class LeaderboardRow {
  rank!: number;
  account!: string;
  points!: string;
  pending!: string;
  final!: string;
}

export class LeaderboardAnswer {
  data!: LeaderboardRow[];
  page!: PageInfo;
  as_of!: AsOfView;
}

export class PointsRuleView {
  version!: number;

  /** Time from which the rates apply, ISO 8601. */
  validFrom!: string;

  stakedPerTokenPerDay!: string;
  heldPerTokenPerDay!: string;

  /** Chains to which the version applies; empty: all. */
  chains!: string[];

  /** Contracts to which the version applies; empty: all, except those of the standard erc20. */
  contracts!: string[];

  @ApiProperty({ enum: ['built_in', 'config', 'rest'] })
  origin!: string;
}

export class RulesAnswer {
  data!: PointsRuleView[];
  as_of!: AsOfView;
}

export class PointsRuleBody extends RuleSetup {
  /** Whether only to return what the rule would change. */
  @IfGiven()
  @IsBoolean()
  dryRun?: boolean;
}

class ChangedAccount {
  account!: string;
  before!: string;
  after!: string;
}

/** Changes that a rule would make as of the newest projected blocks. */
export class DryRunAnswer {
  /** The first 1,000 accounts whose points would change, by account. */
  accounts!: ChangedAccount[];

  /** Number of accounts whose points would change. */
  total!: number;
}

export class RecalculateBody {
  /** Day in UTC that has ended. @example 2026-01-31 */
  @IsEndedDay()
  day!: string;
}

export class RecalculateAnswer {
  /** Accounts that had tokens on the day or before. */
  accounts!: number;

  /** Difference between balances and their intervals, in points: 0, or an alarm is raised. */
  drift!: string;
}

class FeastShare {
  account!: string;
  points!: string;
}

class FeastEpoch {
  epoch!: number;

  /** Start, ISO 8601. */
  opensAt!: string;

  /** End, ISO 8601; the epoch closes when its last block is final. */
  closesAt!: string;

  /** Points that the epoch shares, with the remainder of the epoch before it. */
  budget!: string;

  @ApiProperty({ enum: ['open', 'closed'] })
  state!: 'open' | 'closed';

  /** Largest hundred shares of a closed epoch, the largest first. */
  shares!: FeastShare[];
}

export class FeastPoolAnswer {
  /** Epoch that is open, and the newest closed ones; the newest first. */
  epochs!: FeastEpoch[];
}
