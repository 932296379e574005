import type { ChannelDefinition } from './definition.js';
import { EMAIL } from './email.js';
import { PUSH } from './push.js';
import { WEBHOOK } from './webhook.js';

/**
 * Channels of messages. A new channel needs a definition here, a sender class in `channels/channel-senders.ts` and a migration.
 */
export const CHANNELS = {
  email: EMAIL,
  webhook: WEBHOOK,
  push: PUSH,
} as const satisfies Record<string, ChannelDefinition>;

export type Channel = keyof typeof CHANNELS;

const isChannel = (name: string): name is Channel => Object.hasOwn(CHANNELS, name);

/** Names of the channels, in the order of the catalogue. */
export const CHANNEL_NAMES: readonly Channel[] = Object.keys(CHANNELS).filter(isChannel);

/** Returns the channels whose definition fulfils `holds`, in the order of the catalogue. */
export function channelsWhere(holds: (definition: ChannelDefinition) => boolean): readonly Channel[] {
  return CHANNEL_NAMES.filter((channel) => holds(CHANNELS[channel]));
}

/** Returns a record with one value per channel. */
export function ofEachChannel<T>(value: (channel: Channel) => T): Record<Channel, T> {
  return Object.fromEntries(CHANNEL_NAMES.map((channel) => [channel, value(channel)])) as Record<Channel, T>;
}
