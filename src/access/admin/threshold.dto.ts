import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsNumber, Matches, Max, Min, ValidateIf } from 'class-validator';

const METRICS = ['tvl', 'price'] as const;
export type ThresholdMetric = (typeof METRICS)[number];

export class ThresholdParams {
  @ApiProperty({ enum: METRICS })
  @IsIn(METRICS)
  metric!: ThresholdMetric;

  /** Protocol (tvl) or token (price); `*` for all without a threshold of their own. */
  @Matches(/^(?:\*|[^\s\p{Cc}*]{1,128})$/u, { message: 'subject must be *, a protocol or a token, without spaces' })
  subject!: string;
}

export class ThresholdBody {
  /** Least change to publish, as a fraction: 0.01 is 1 %. */
  @IsNumber({ allowNaN: false, allowInfinity: false })
  @Min(0)
  @Max(1_000_000)
  minChangeRatio!: number;

  /** Least change to publish, in US dollars; both must hold. */
  @ApiProperty({ required: false, default: 0 })
  @ValidateIf((_, value: unknown) => value !== undefined)
  @IsNumber({ allowNaN: false, allowInfinity: false })
  @Min(0)
  @Max(1e15)
  minChangeAbsolute?: number;
}

export class ThresholdView {
  @ApiProperty({ enum: METRICS })
  metric!: ThresholdMetric;
  subject!: string;
  minChangeRatio!: number;
  minChangeAbsolute!: number;
}

export class ThresholdList {
  data!: ThresholdView[];
}
