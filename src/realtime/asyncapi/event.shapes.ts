import type { EventType } from '../../events/index.js';
import { choice, closed, integer, list, nullable, number, openObject, ref, text } from './schema.js';
import type { Properties, Schema } from './schema.js';

/** The fields of one event type beside the common ones. */
export interface EventShape {
  readonly summary: string;
  readonly fields: Properties;
  readonly optional?: readonly string[];
  readonly example: Readonly<Record<string, unknown>>;
}

export const usd = (description: string): Schema => number(`${description}, US dollars`);
export const percent = (description: string): Schema => number(`${description}, percent: 10 is 10 %`);
const protocol = ref('ProtocolId');
const chain = ref('ChainId');
const token = ref('TokenId');
const moved = number('largest step whose reference the value left, a fraction: 0.05 is 5 %', { minimum: 0 });
const bigNumber = text('a whole number as a string: it may exceed 2^53', { pattern: '^-?[0-9]+$' });

/** What enters through `POST /v1/events`: the subject is optional, the payload free. */
const reported = (summary: string, data: Readonly<Record<string, unknown>>): EventShape => ({
  summary,
  fields: { protocol, chain, token, data: openObject('what the reporter sent') },
  optional: ['protocol', 'chain', 'token'],
  example: { protocol: 'aave-v3', chain: 'ethereum', data },
});

export const EVENT_SHAPES: Readonly<Record<EventType, EventShape>> = {
  tvl_change: {
    summary: "The total value locked of a protocol on a chain left its threshold's band",
    fields: {
      protocol,
      name: nullable(text('display name of the protocol')),
      category: nullable(text('category of the protocol')),
      chain,
      previousTvl: nullable(usd('last published value')),
      currentTvl: usd('value now'),
      changePercent: nullable(percent('change against the last published value; null from zero')),
      changeAbsolute: nullable(usd('change against the last published value')),
      moved: nullable(moved),
      protocolTvl: nullable(usd('sum of published values over the real chains of the protocol')),
    },
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
    summary: "The price of a token left its threshold's band",
    fields: {
      token,
      symbol: nullable(text('ticker symbol')),
      chain: nullable(text('chain of the token, when it has one')),
      previousPrice: nullable(usd('last published price')),
      currentPrice: usd('price now'),
      changePercent: nullable(percent('change against the last published price; null from zero')),
      changeAbsolute: nullable(usd('change against the last published price')),
      moved: nullable(moved),
      volume24h: nullable(usd('traded volume of the last 24 hours')),
      marketCap: nullable(usd('market capitalisation')),
    },
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
    summary: "A protocol's description changed",
    fields: {
      protocol,
      name: nullable(text('display name of the protocol')),
      category: nullable(text('category of the protocol')),
      updateType: choice(['listed', 'status', 'category', 'chain_added', 'chain_removed', 'metadata']),
      changes: list(
        closed({
          field: text('column, or `metadata.<key>`'),
          previousValue: { description: 'null when it was absent' },
          currentValue: { description: 'null when it is absent now' },
        }),
      ),
    },
    example: {
      protocol: 'uniswap-v3',
      name: 'Uniswap V3',
      category: 'Dexs',
      updateType: 'chain_added',
      changes: [{ field: 'chains', previousValue: ['ethereum'], currentValue: ['ethereum', 'base'] }],
    },
  },
  liquidation: reported('A position was liquidated', { collateral: 'ethereum', amountUsd: 125_000 }),
  governance: reported('A governance event', { proposal: '42', state: 'executed' }),
  emission: reported('A token emission', { amount: '1000000', recipient: 'treasury' }),
  alert: {
    summary: 'An alert rule of the user changed its state; reaches its owner only',
    fields: {
      alertId: text('id of this alert'),
      ruleId: text('rule that fired'),
      name: text("the rule's name"),
      state: choice(['fired', 'resolved', 'summary']),
      type: text('kind of condition that decided: an operator such as change_pct, event, or storm'),
      message: text('one sentence for people'),
      priority: text('low, normal, high, critical'),
      protocol,
      chain,
      token,
      metric: text('metric of the deciding condition'),
      value: nullable(number('value that decided')),
      threshold: nullable(number('threshold of the deciding condition')),
      explanation: { description: 'why it fired now: values, references, rule version' },
    },
    optional: ['protocol', 'chain', 'token'],
    example: {
      alertId: 'alert-123',
      ruleId: 'rule-7',
      name: 'Bitcoin above 70k',
      state: 'fired',
      type: 'price_threshold',
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
    summary: "An account's points changed",
    fields: {
      account: text('account address, lower case'),
      chain,
      previousPoints: bigNumber,
      currentPoints: bigNumber,
      pending: bigNumber,
      final: bigNumber,
      reason: text('what changed the balance'),
    },
    example: {
      account: '0x00000000000000000000000000000000000000aa',
      chain: 'ethereum',
      previousPoints: '100',
      currentPoints: '140',
      pending: '40',
      final: '100',
      reason: 'stake',
    },
  },
  chain_reorg: {
    summary: 'Blocks were replaced; the listed events are retracted',
    fields: {
      chain,
      oldHead: text('hash of the head that left'),
      newHead: text('hash of the head now'),
      depth: integer('blocks replaced', { minimum: 1 }),
      retracted: list(text('eventId of a retracted event')),
    },
    example: { chain: 'ethereum', oldHead: '0xaa', newHead: '0xbb', depth: 2, retracted: [] },
  },
  onchain_event: {
    summary: 'An event of a watched contract',
    fields: {
      chain,
      contract: text('contract address, lower case'),
      kind: text('BatchMint, BatchBurn, BatchTransfer, Stake, Unstake, …'),
      blockNumber: { type: ['integer', 'string'] },
      blockHash: text('hash of the block'),
      transactionHash: text('hash of the transaction'),
      logIndex: integer('position in the block', { minimum: 0 }),
      from: nullable(text('sender')),
      to: nullable(text('receiver')),
      startTokenId: nullable(bigNumber),
      quantity: nullable(bigNumber),
      status: text('pending, confirmed, final, retracted'),
    },
    example: {
      chain: 'ethereum',
      contract: '0x00000000000000000000000000000000000000bb',
      kind: 'Stake',
      blockNumber: 19_000_000,
      blockHash: '0xcc',
      transactionHash: '0xdd',
      logIndex: 3,
      from: '0x00000000000000000000000000000000000000aa',
      to: null,
      startTokenId: '17',
      quantity: '1',
      status: 'confirmed',
    },
  },
};
