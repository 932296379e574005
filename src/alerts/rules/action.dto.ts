import { ApiProperty, OmitType } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsIn } from 'class-validator';
import { FINALITIES, type Finality } from '../../events/index.js';
import { CHANNEL_NAMES, FORMATS, type Channel, type Format } from '../../notifications/index.js';
import { IfGiven, IsPlainText } from '../../platform/http/fields.js';

const MAX_TARGET_LENGTH = 4_096;
const STATUSES = ['pending', 'active', 'disabled'] as const;
type ActionStatus = (typeof STATUSES)[number];

/** Action of a rule: the target that it notifies. */
export class ActionBody {
  @ApiProperty({ enum: CHANNEL_NAMES })
  @IsIn(CHANNEL_NAMES)
  type!: Channel;

  /**
   * Mail address, URL, FCM token, or a Web Push subscription (object or its JSON).
   * @example user@example.com
   */
  @ApiProperty({ oneOf: [{ type: 'string' }, { type: 'object', additionalProperties: true }] })
  @Transform(({ value }: { value: unknown }) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? JSON.stringify(value) : value,
  )
  @IsPlainText(MAX_TARGET_LENGTH)
  target!: string;

  /** Name of the message template. */
  @IfGiven()
  @IsPlainText(128)
  template?: string;

  /** Format of a webhook's body: that of another service's incoming webhooks. */
  @ApiProperty({ enum: FORMATS, required: false })
  @IfGiven()
  @IsIn(FORMATS)
  format?: Format;

  /**
   * Rows of on-chain events that the action is sent for; absent: as the rule. `final`: each message waits until its events are
   * final, and is not sent if they are retracted before.
   */
  @ApiProperty({ enum: FINALITIES, required: false })
  @IfGiven()
  @IsIn(FINALITIES)
  finality?: Finality;

  /** Read only: ignored in requests. */
  @ApiProperty({ enum: STATUSES, required: false, readOnly: true })
  @IfGiven()
  @IsIn(STATUSES)
  status?: ActionStatus;
}

export class ActionView extends OmitType(ActionBody, ['target', 'status'] as const) {
  target!: string;

  /**
   * Status of the target. `pending`: its owner has not confirmed it; `disabled`: it failed for too long, or its owner
   * unsubscribed it.
   */
  @ApiProperty({ enum: STATUSES })
  status!: ActionStatus;
}
