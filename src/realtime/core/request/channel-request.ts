import { normaliseName, parseChannel } from '../../../events/index.js';
import { withoutLabel } from '../filter/channel-label.js';
import type { SubscriptionFilter, SubscriptionRequest } from '../filter/subscription-request.js';

/** Returns the subscription for a channel, with or without a label, and a filter; undefined if the name is not a channel. */
export function channelRequest(channel: string, filter: SubscriptionFilter): SubscriptionRequest | undefined {
  const selection = parseChannel(withoutLabel(channel));
  if (!selection) return undefined;
  const { types, protocol, chain, token } = selection;
  const about = {
    ...(protocol === undefined ? {} : { protocol: [normaliseName('protocol', protocol)] }),
    ...(chain === undefined ? {} : { chain: [normaliseName('chain', chain)] }),
    ...(token === undefined ? {} : { token: [normaliseName('token', token)] }),
  };
  return { type: 'channel', channel, filter, selects: types, about };
}

/** Extends an admin's subscription to the rows of every owner if `all` is set. */
export function withOwners(request: SubscriptionRequest, all: boolean | undefined): SubscriptionRequest {
  return all === true ? { ...request, all } : request;
}
