import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsNumber, Matches, Max, Min, ValidateIf } from 'class-validator';

const METRICS = ['tvl', 'price'] as const;
type ThresholdMetric = (typeof METRICS)[number];

export class ThresholdParams {
  @ApiProperty({ enum: METRICS })
  @IsIn(METRICS)
  metric!: ThresholdMetric;

  /** Protocol (for tvl) or token (for price); `*`: all subjects without a threshold of their own. */
  @Matches(/^(?:\*|[^\s\p{Cc}*]{1,128})$/u, { message: 'subject must be *, a protocol or a token, without spaces' })
  subject!: string;
}

export class ThresholdBody {
  /** Smallest change that is published, as a fraction of the last published value: 0.01 is 1 %. */
  @IsNumber({ allowNaN: false, allowInfinity: false })
  @Min(0)
  @Max(1_000_000)
  minChangeRatio!: number;

  /** Smallest change that is published, in US dollars. A change must reach both minimums. */
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
