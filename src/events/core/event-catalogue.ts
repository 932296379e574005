import type { SubscriptionType } from '../../access/index.js';

/** Field of an event that names its subject; used by filters, channels and rules. */
export type Subject = 'protocol' | 'chain' | 'token';

/** Properties of an event type. Everything that depends on the type is derived from this record. */
interface EventSpec {
  /** Description for the API documents. */
  readonly doc: string;
  /** Subjects that events of the type can name, the most selective first; subscriptions are indexed by that order. */
  readonly subjects: readonly Subject[];
  /** Channel of all events of the type. */
  readonly channel: `events:${string}`;
  /** Channels that select the type together with other types, and its short names of plain WebSocket. */
  readonly alsoIn: readonly string[];
  /** Subjects for which there are channels `events:<subject>:<name>`. */
  readonly subjectChannels: readonly Subject[];
  /** Last part of the channels `events:chain:<chain>:<part>`; null if the type has no such channels. */
  readonly chainPart: string | null;
  /** Subjects that form the key under which a newer event replaces an older one; null if no event replaces another. */
  readonly level: readonly Subject[] | null;
  /** Whether writers may post events of the type; their subject is then optional and their payload free. */
  readonly isPosted: boolean;
  /** Whether alert rules may have the type as a condition. */
  readonly isForRules: boolean;
  /** Subscription types that include the event type, before `eventTypes` restricts them. */
  readonly followedBy: readonly SubscriptionType[];
  /** Whether readers choose between the first row of an event and the final one (core/finality.ts). */
  readonly hasFinality?: true;
  /** Name on plain WebSocket, if it differs; accepted wherever clients name event types. */
  readonly updateName?: string;
  /** Example of the payload's fields, without the fields that every event has. */
  readonly example: Readonly<Record<string, unknown>>;
}

const POSTED = {
  subjects: ['protocol', 'token', 'chain'],
  alsoIn: [],
  subjectChannels: ['protocol', 'token'],
  chainPart: null,
  level: null,
  isPosted: true,
  isForRules: true,
  followedBy: ['protocol'],
} as const;

const ONCHAIN = {
  subjects: ['chain'],
  channel: 'events:onchain',
  alsoIn: ['onchain'],
  subjectChannels: [],
  chainPart: null,
  level: null,
  isPosted: false,
  isForRules: true,
  followedBy: ['onchain'],
} as const;

/**
 * Event types that clients receive, as named in the public contract. A new type needs a record here, a payload and a
 * migration.
 */
export const EVENTS = {
  tvl_change: {
    doc: 'The total value locked of a protocol on a chain differs from its last published value by the threshold or more',
    subjects: ['protocol', 'chain'],
    channel: 'events:tvl',
    alsoIn: ['tvl', 'protocols'],
    subjectChannels: ['protocol', 'chain'],
    chainPart: 'tvl',
    level: ['protocol', 'chain'],
    isPosted: false,
    isForRules: true,
    followedBy: ['protocol', 'tvl_changes'],
    updateName: 'tvl_update',
    example: {
      protocol: 'uniswap-v3',
      name: 'Uniswap V3',
      category: 'Dexs',
      chain: 'ethereum',
      previousTvl: 2_500_000_000,
      currentTvl: 2_750_000_000,
      changePercent: 10,
      changeAbsolute: 250_000_000,
      moved: 0.1,
      protocolTvl: 5_200_000_000,
    },
  },
  price_change: {
    doc: 'The price of a token differs from its last published value by the threshold or more',
    subjects: ['token', 'chain'],
    channel: 'events:prices',
    alsoIn: ['prices'],
    subjectChannels: ['token', 'chain'],
    chainPart: 'prices',
    level: ['token'],
    isPosted: false,
    isForRules: true,
    followedBy: ['price_changes'],
    updateName: 'price_update',
    example: {
      token: 'bitcoin',
      symbol: 'BTC',
      chain: null,
      previousPrice: 67_000,
      currentPrice: 67_500,
      changePercent: 0.746269,
      changeAbsolute: 500,
      moved: 0.005,
      volume24h: 31_000_000_000,
      marketCap: 1_330_000_000_000,
    },
  },
  protocol_update: {
    doc: "A protocol's description changed",
    subjects: ['protocol'],
    channel: 'events:protocols',
    alsoIn: ['protocols'],
    subjectChannels: ['protocol'],
    chainPart: null,
    level: null,
    isPosted: false,
    isForRules: true,
    followedBy: ['protocol', 'protocol_updates'],
    example: {
      protocol: 'uniswap-v3',
      name: 'Uniswap V3',
      category: 'Dexs',
      updateType: 'chain_added',
      changes: [{ field: 'chains', previousValue: ['ethereum'], currentValue: ['ethereum', 'base'] }],
    },
  },
  liquidation: {
    ...POSTED,
    doc: 'A position was liquidated',
    channel: 'events:liquidations',
    example: {
      protocol: 'aave-v3',
      chain: 'ethereum',
      data: { collateral: 'ethereum', amountUsd: 125_000 },
    },
  },
  governance: {
    ...POSTED,
    doc: 'A governance event',
    channel: 'events:governance',
    example: { protocol: 'aave-v3', chain: 'ethereum', data: { proposal: '42', state: 'executed' } },
  },
  emission: {
    ...POSTED,
    doc: 'A token emission',
    channel: 'events:emissions',
    example: { protocol: 'aave-v3', chain: 'ethereum', data: { amount: '1000000', recipient: 'treasury' } },
  },
  alert: {
    doc: 'An alert rule of the user changed its state; sent to that user only',
    subjects: ['protocol', 'token', 'chain'],
    channel: 'events:alerts',
    alsoIn: ['alerts'],
    subjectChannels: [],
    chainPart: null,
    level: null,
    isPosted: false,
    // Rules must not react to their own alerts.
    isForRules: false,
    followedBy: ['alerts'],
    example: {
      alertId: 'alert-123',
      ruleId: 'rule-7',
      name: 'Bitcoin above 70k',
      state: 'fired',
      type: 'gt',
      message: 'Bitcoin price exceeded $70,000',
      priority: 'high',
      token: 'bitcoin',
      metric: 'price',
      value: 70_012.5,
      threshold: 70_000,
      explanation: { previous: 69_950, current: 70_012.5 },
    },
  },
  points_change: {
    ...ONCHAIN,
    doc: "An account's points changed",
    example: {
      account: '0x00000000000000000000000000000000000000aa',
      chain: 'ethereum',
      previousPoints: '100',
      currentPoints: '140',
      pending: '40',
      final: '100',
      stakedTokens: '3',
      reason: 'stake',
    },
  },
  chain_reorg: {
    ...ONCHAIN,
    hasFinality: true,
    doc: 'Blocks were replaced in a chain reorganisation; the listed events are retracted',
    example: {
      chain: 'ethereum',
      oldHead: `0x${'aa'.repeat(32)}`,
      newHead: `0x${'bb'.repeat(32)}`,
      depth: 2,
      retracted: ['0192f0c1-7a00-7000-8000-0000000001a4'],
      part: 1,
      parts: 1,
    },
  },
  onchain_event: {
    ...ONCHAIN,
    hasFinality: true,
    doc: 'An event of a watched contract; one row when it is seen, one when its block is final',
    example: {
      onchainId: `ethereum:0x${'cc'.repeat(32)}:3`,
      chain: 'ethereum',
      contract: '0x00000000000000000000000000000000000000bb',
      kind: 'Stake',
      blockNumber: 19_000_000,
      blockHash: `0x${'cc'.repeat(32)}`,
      transactionHash: `0x${'dd'.repeat(32)}`,
      logIndex: 3,
      from: '0x00000000000000000000000000000000000000aa',
      to: null,
      startTokenId: '17',
      quantity: '1',
      staker: '0x00000000000000000000000000000000000000aa',
      status: 'pending',
    },
  },
} as const satisfies Readonly<Record<string, EventSpec>>;

export type EventType = keyof typeof EVENTS;

/** Types whose record has `true` for the member. */
type TypesWith<Member extends 'isPosted' | 'isForRules'> = {
  [Type in EventType]: (typeof EVENTS)[Type][Member] extends true ? Type : never;
}[EventType];

/** Types that writers may post. */
export type PostedType = TypesWith<'isPosted'>;
/** Types that alert rules may have as a condition. */
export type RuleEventType = TypesWith<'isForRules'>;

/** Returns the record of a type, typed with its optional members. */
export function eventSpec(type: EventType): EventSpec {
  return EVENTS[type];
}

const isEventType = (name: string): name is EventType => Object.hasOwn(EVENTS, name);
export const isPostedType = (type: EventType): type is PostedType => EVENTS[type].isPosted;

/** Names of all types, in the order of the catalogue. */
export const EVENT_TYPES: readonly EventType[] = Object.keys(EVENTS).filter(isEventType);
export const POSTED_TYPES: readonly PostedType[] = EVENT_TYPES.filter(isPostedType);
export const RULE_EVENT_TYPES: readonly RuleEventType[] = EVENT_TYPES.filter(
  (type): type is RuleEventType => EVENTS[type].isForRules,
);

/** Returns the types whose record satisfies `holds`, in the order of the catalogue. */
export function eventTypesWhere(holds: (spec: EventSpec) => boolean): readonly EventType[] {
  return EVENT_TYPES.filter((type) => holds(EVENTS[type]));
}

/** Returns the description of a type for the API documents. */
export function eventDoc(type: EventType): string {
  return EVENTS[type].doc;
}

/** Returns the name of a type on plain WebSocket. */
export function updateName(type: EventType): string {
  return eventSpec(type).updateName ?? type;
}

/** Names by which clients may refer to a type. */
export const EVENT_TYPE_NAMES: ReadonlyMap<string, EventType> = new Map(
  EVENT_TYPES.flatMap((type): [string, EventType][] => [
    [type, type],
    [updateName(type), type],
  ]),
);
