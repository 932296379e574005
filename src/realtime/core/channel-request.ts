import { normaliseName, parseChannel } from '../../events/index.js';
import type { SubscriptionFilter } from './filter-fields.js';
import type { SubscriptionRequest } from './subscription.js';

/** Returns the subscription of a channel's name and a filter; undefined for a name that is no channel. */
export function channelRequest(channel: string, filter: SubscriptionFilter): SubscriptionRequest | undefined {
  const selection = parseChannel(channel);
  if (!selection) return undefined;
  const { types, protocol, chain, token } = selection;
  const about = {
    ...(protocol === undefined ? {} : { protocol: [normaliseName('protocol', protocol)] }),
    ...(chain === undefined ? {} : { chain: [normaliseName('chain', chain)] }),
    ...(token === undefined ? {} : { token: [normaliseName('token', token)] }),
  };
  return { type: 'channel', channel, filter, selects: types, about };
}

/** Adds the rows of every owner to an admin's subscription when `all` is set. */
export function withOwners(request: SubscriptionRequest, all: boolean | undefined): SubscriptionRequest {
  return all === true ? { ...request, all } : request;
}
