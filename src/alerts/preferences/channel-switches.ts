import type { Type } from '@nestjs/common';
import { IsBoolean } from 'class-validator';
import { CHANNEL_NAMES, type Channel } from '../../notifications/index.js';
import { IfGiven } from '../../platform/http/fields.js';

type Switches = Partial<Record<Channel, boolean>>;

/**
 * Returns a class with a switch for each channel. Nest's OpenAPI compiler plugin sees only properties in source code, so
 * the class describes its own in the plugin's format.
 */
export function channelSwitches(schema: { required: boolean; default?: boolean }): Type<Switches> {
  class ChannelSwitches {
    static _OPENAPI_METADATA_FACTORY(): Readonly<Record<string, unknown>> {
      return Object.fromEntries(CHANNEL_NAMES.map((channel) => [channel, { ...schema, type: () => Boolean }]));
    }
  }
  for (const channel of CHANNEL_NAMES)
    for (const check of [IsBoolean(), IfGiven()]) check(ChannelSwitches.prototype, channel);
  return ChannelSwitches;
}
