import type { Filter } from '../filter/conditions.js';
import { isLabelled } from '../filter/channel-label.js';
import { spelled } from '../filter/fields.js';
import type { SubscriptionRequest } from '../filter/subscription-request.js';
import type { KeptReplay } from './kept-session.js';
import type { Group } from '../filter/filter-index.js';
import type { EncodedEvent } from '../wire/encoded-event.js';
import type { LogEvent } from '../../../events/index.js';
import type { SubscriptionInfo } from './session-calls.js';

/** Connection that has subscriptions, as routing sees it. */
export interface Subscriber {
  readonly subscriptions: ReadonlyMap<string, Subscription>;
  /** Whether the subscription matches the event and the client may see it. */
  reaches(subscription: Subscription, event: LogEvent): boolean;
  /** Marks that the event matches a subscription; true for the first match of an event. */
  markMatch(subscription: Subscription, event: LogEvent): boolean;
  /** Sends the event that was just marked, once, under all names that matched. */
  deliverMarked(encoded: EncodedEvent): void;
}

/** One subscription of one session. */
export class Subscription {
  /**
   * Names of the subscription in messages to its client; the array is shared by all events that match only this
   * subscription.
   */
  readonly names: readonly string[];
  /** Whether the client tells the subscription apart by a label: it receives all of its events by itself. */
  readonly isLabelled: boolean;
  /** Position after which the subscription needs no replay: its events are sent live or by a replay that has completed. */
  coveredFrom: number;
  /** Events before `coveredFrom` that a replay has sent before it reached a limit: after the first position, up to the second. */
  private sent: { readonly after: number; readonly to: number } | undefined;
  /** Position after which the client is still to receive events, on this connection or a later one. */
  from: number;
  /** Replay with which the subscription last began. */
  replay: KeptReplay | undefined;
  group: Group<Subscription> | undefined;
  memberIndex = -1;
  private madeText: string | undefined;

  constructor(
    readonly session: Subscriber,
    readonly id: string,
    /** Order of creation within the session: messages name older subscriptions first. */
    readonly order: number,
    readonly request: SubscriptionRequest,
    readonly filter: Filter,
    readonly subscribedAt: number,
    coveredFrom: number,
  ) {
    this.names = [request.channel ?? request.type];
    this.isLabelled = request.channel !== undefined && isLabelled(request.channel);
    this.coveredFrom = coveredFrom;
    this.from = coveredFrom;
  }

  /** Request as JSON. */
  get requestText(): string {
    return (this.madeText ??= JSON.stringify(this.request));
  }

  /** Whether an event at this position needs no replay. */
  covers(seq: number): boolean {
    const { coveredFrom, sent } = this;
    return seq > coveredFrom || (sent !== undefined && seq > sent.after && seq <= sent.to);
  }

  /** Records that a replay that ended at a limit has sent the events after a position, up to another. */
  noteSent(after: number, to: number): void {
    const { sent } = this;
    const goesOn = sent !== undefined && after >= sent.after && after <= sent.to;
    this.sent = goesOn ? { after: sent.after, to: Math.max(sent.to, to) } : { after, to };
  }

  /** Sets the start of the subscription: events up to this position are not sent. */
  beginAt(position: number): void {
    this.coveredFrom = position;
    this.from = position;
    this.sent = undefined;
    this.replay = undefined;
  }

  /** Returns the subscription as answers show it. */
  describe(): SubscriptionInfo {
    const { type, channel, filter, about, all } = this.request;
    const { same, renamed } = spelled(filter, 'common');
    const aboutProtocols = type === 'protocol' ? about?.protocol : undefined;
    return {
      id: this.id,
      type,
      ...(channel === undefined ? {} : { channel }),
      ...(aboutProtocols === undefined ? {} : { protocols: aboutProtocols }),
      ...same,
      ...renamed,
      ...(all === true ? { all } : {}),
    };
  }
}

/** Returns the names in order of subscription, each once. */
export function namesOf(matching: Subscription[]): readonly string[] {
  if (matching.length === 0) return [];
  const ordered = matching.sort((a, b) => a.order - b.order);
  return [...new Set(ordered.flatMap((subscription) => subscription.names))];
}
