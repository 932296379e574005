/**
 * Label after a channel's name: `events:tvl#2`. The same channel with different labels can be subscribed to with different
 * filters, and messages tell the subscriptions apart by their names.
 */
const LABEL = /#[\w-]{1,16}$/;

/** Whether the name of a channel ends with a label. */
export function isLabelled(channel: string): boolean {
  return LABEL.test(channel);
}

/** Returns the name of a channel without its label. */
export function withoutLabel(channel: string): string {
  return channel.replace(LABEL, '');
}
