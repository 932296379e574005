import { isPostedType, type EventType, type PostedType } from '../../events/index.js';
import { choice, closed, integer, list, nullable, number, openObject, ref, text } from './schema.js';
import type { Properties, Schema } from './schema.js';

/** Fields that one event type has in addition to the common fields; an example is in the catalogue of events. */
interface EventShape {
  readonly fields: Properties;
  readonly optional?: readonly string[];
}

export const usd = (description: string): Schema => number(`${description}, US dollars`);
export const percent = (description: string): Schema => number(`${description}, percent: 10 is 10 %`);
const protocol = ref('ProtocolId');
const chain = ref('ChainId');
const token = ref('TokenId');
const moved = number('largest step whose reference the value left, a fraction: 0.05 is 5 %', { minimum: 0 });
const points = text('points: decimal text with at most six decimals', { pattern: '^[0-9]+(\\.[0-9]{1,6})?$' });
const bigNumber = text('a whole number as a string: it may exceed 2^53', { pattern: '^-?[0-9]+$' });

/** Shape of events that enter through `POST /v1/events`: the subject is optional, the payload free. */
const POSTED_SHAPE: EventShape = {
  fields: { protocol, chain, token, data: openObject('data of the event, as the writer sent it') },
  optional: ['protocol', 'chain', 'token'],
};

const OWN_SHAPES: Readonly<Record<Exclude<EventType, PostedType>, EventShape>> = {
  tvl_change: {
    fields: {
      protocol,
      name: nullable(text('display name of the protocol')),
      category: nullable(text('category of the protocol')),
      chain,
      previousTvl: nullable(usd('last published value')),
      currentTvl: usd('value now'),
      changePercent: nullable(percent('change against the last published value; null if that was 0')),
      changeAbsolute: nullable(usd('change against the last published value')),
      moved: nullable(moved),
      protocolTvl: nullable(usd('sum of published values over the real chains of the protocol')),
    },
  },
  price_change: {
    fields: {
      token,
      symbol: nullable(text('ticker symbol')),
      chain: nullable(text('chain of the token, if it has one')),
      previousPrice: nullable(usd('last published price')),
      currentPrice: usd('price now'),
      changePercent: nullable(percent('change against the last published price; null if that was 0')),
      changeAbsolute: nullable(usd('change against the last published price')),
      moved: nullable(moved),
      volume24h: nullable(usd('traded volume of the last 24 hours')),
      marketCap: nullable(usd('market capitalisation')),
    },
  },
  protocol_update: {
    fields: {
      protocol,
      name: nullable(text('display name of the protocol')),
      category: nullable(text('category of the protocol')),
      updateType: choice(['listed', 'status', 'category', 'chain_added', 'chain_removed', 'metadata']),
      changes: list(
        closed({
          field: text('column, or `metadata.<key>`'),
          previousValue: {
            description:
              'null if the field was absent; `{"omitted": "too_deep"}` for old metadata with too many levels',
          },
          currentValue: { description: 'null if the field is absent now' },
        }),
      ),
    },
  },
  alert: {
    fields: {
      alertId: text('id of this alert'),
      ruleId: text('rule that fired'),
      name: text("the rule's name"),
      state: choice(['fired', 'resolved', 'summary', 'retracted']),
      type: text('kind of the condition that fired: an operator such as change_pct, absent, event, or storm'),
      message: text('one sentence for people'),
      priority: text('low, normal, high, critical'),
      protocol,
      chain,
      token,
      metric: text('metric of the condition that fired'),
      value: nullable(number('value for which the condition fired')),
      threshold: nullable(number('threshold of the condition that fired')),
      account: text('address of an alert about points or staked tokens'),
      explanation: { description: 'why the rule fired now: values, reference values, rule version' },
    },
    optional: ['protocol', 'chain', 'token', 'account'],
  },
  points_change: {
    fields: {
      account: text('account address, lower case'),
      chain,
      previousPoints: points,
      currentPoints: points,
      pending: points,
      final: points,
      stakedTokens: text('tokens that the account stakes, a decimal number'),
      reason: text('what changed the balance'),
    },
  },
  chain_reorg: {
    fields: {
      chain,
      oldHead: text('hash of the previous head block'),
      newHead: text('hash of the current head block'),
      depth: integer('blocks replaced', { minimum: 1 }),
      retracted: list(text('eventId of a retracted event'), { description: 'the newest first' }),
      part: integer('number of this part; a long list comes in parts of less than 64 KiB', { minimum: 1 }),
      parts: integer('number of parts', { minimum: 1 }),
    },
  },
  onchain_event: {
    fields: {
      onchainId: text('identity of the event: `chain:blockHash:logIndex`'),
      chain,
      contract: text('contract address, lower case'),
      kind: text('name in the ABI: BatchMint, BatchBurn, BatchTransfer, Stake, Unstake, Transfer, …'),
      blockNumber: integer('number of the block', { minimum: 0 }),
      blockHash: text('hash of the block'),
      transactionHash: text('hash of the transaction'),
      logIndex: integer('position in the block', { minimum: 0 }),
      from: nullable(text('sender; null for a mint')),
      to: nullable(text('receiver; null for a burn')),
      startTokenId: nullable(bigNumber),
      quantity: nullable(bigNumber),
      tokenIds: list(bigNumber, { description: 'ids of TransferBatch' }),
      quantities: list(bigNumber, { description: 'amounts of TransferBatch, one for each id' }),
      staker: text('account of Stake and Unstake'),
      status: choice(['pending', 'final']),
    },
    optional: ['tokenIds', 'quantities', 'staker'],
  },
};

export function eventShape(type: EventType): EventShape {
  return isPostedType(type) ? POSTED_SHAPE : OWN_SHAPES[type];
}
