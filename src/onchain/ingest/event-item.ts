import { badField, itemOf, requiredName, type Item } from '../../events/index.js';
import { parseAddress, parseHash, ZERO_ADDRESS, type Address, type ChainEvent, type Hash } from '../core/index.js';

/** Posted event; the hash of its block is null if the writer does not know it. */
export interface PostedChainEvent {
  readonly chain: string;
  readonly event: Omit<ChainEvent, 'blockHash'> & { readonly blockHash: Hash | null };
  /** Whether the writer retracts the event: its block was replaced. */
  readonly removed: boolean;
}

/** Event kinds that can be posted, and where their accounts stand. */
const KINDS = {
  BatchMint: { to: 'to' },
  BatchBurn: { from: 'from' },
  BatchTransfer: { from: 'from', to: 'to' },
  Stake: { from: 'staker', staker: 'staker' },
  Unstake: { from: 'staker', staker: 'staker' },
} as const;
type PostedKind = keyof typeof KINDS;
export const POSTED_KINDS = Object.keys(KINDS).filter(isPostedKind);

/** Members that an item may have; those after `removed` are ignored. */
const FIELDS: ReadonlySet<string> = new Set([
  'chain',
  'contract',
  'type',
  'startTokenId',
  'tokenId',
  'quantity',
  'from',
  'to',
  'staker',
  'timestamp',
  'blockNumber',
  'blockHash',
  'transactionHash',
  'transactionIndex',
  'logIndex',
  'removed',
  'id',
  'processed',
  'processedAt',
  'error',
  'ttl',
]);

const MAX_UINT256 = 2n ** 256n - 1n;
const MAX_INDEX = 0x7fffffff;
/** Unix seconds of the year 3000. */
const END_SECONDS = 32_503_680_000;
/**
 * Most time by which a block may be ahead of this server's clock, ms: points accrue up to the newest block, so that one wrong
 * time would add years to everybody. A server whose clock is hours off still takes the events of the present.
 */
const MAX_FUTURE_MS = 86_400_000;
const DIGITS = /^\d{1,78}$/;

/**
 * Reads an item in one of the two shapes of the source document, with `chain` and `contract`.
 * @throws BadItem
 */
export function readChainEvent(value: unknown, maxQuantity: number, now: number): PostedChainEvent {
  const item = itemOf(value, FIELDS);
  const chain = requiredName(item, 'chain', 'chain');
  const kind = kindOf(item['type']);
  const quantity = kind === 'Stake' || kind === 'Unstake' ? 1n : number(item, 'quantity', MAX_UINT256);
  if (quantity > BigInt(maxQuantity)) throw badField('out_of_range', 'quantity', `must be at most ${maxQuantity}`);
  const startTokenId = number(item, kind === 'Stake' || kind === 'Unstake' ? 'tokenId' : 'startTokenId', MAX_UINT256);
  if (startTokenId + quantity - 1n > MAX_UINT256) {
    throw badField('out_of_range', 'quantity', 'must end below the token id 2^256');
  }
  const accounts: { from?: string; to?: string; staker?: string } = KINDS[kind];
  const account = (field: string | undefined): Address | null => {
    const found = field === undefined ? ZERO_ADDRESS : address(item, field);
    return found === ZERO_ADDRESS ? null : found;
  };
  return {
    chain,
    removed: flag(item, 'removed'),
    event: {
      contract: address(item, 'contract'),
      kind,
      blockNumber: Number(number(item, 'blockNumber', BigInt(Number.MAX_SAFE_INTEGER))),
      blockHash: item['blockHash'] === undefined || item['blockHash'] === null ? null : hash(item, 'blockHash'),
      transactionHash: hash(item, 'transactionHash'),
      transactionIndex: Number(number(item, 'transactionIndex', BigInt(MAX_INDEX), 0n)),
      logIndex: Number(number(item, 'logIndex', BigInt(MAX_INDEX))),
      at: time(item['timestamp'], now),
      from: account(accounts.from),
      to: account(accounts.to),
      staker: account(accounts.staker),
      startTokenId,
      quantity,
      tokenIds: null,
      quantities: null,
    },
  };
}

function isPostedKind(value: unknown): value is PostedKind {
  return typeof value === 'string' && Object.hasOwn(KINDS, value);
}

function kindOf(value: unknown): PostedKind {
  if (isPostedKind(value)) return value;
  if (value === undefined) throw badField('required', 'type', 'is required');
  throw badField('unknown_value', 'type', `must be one of ${POSTED_KINDS.join(', ')}`);
}

function required(item: Item, field: string): unknown {
  const value = item[field];
  if (value === undefined || value === null) throw badField('required', field, 'is required');
  return value;
}

function address(item: Item, field: string): Address {
  const parsed = parseAddress(required(item, field));
  if (parsed === undefined) throw badField('invalid_format', field, 'must be an address, 0x and 40 hexadecimal digits');
  return parsed;
}

function hash(item: Item, field: string): Hash {
  const parsed = parseHash(required(item, field));
  if (parsed === undefined) throw badField('invalid_format', field, 'must be a hash, 0x and 64 hexadecimal digits');
  return parsed;
}

/** Reads a whole number, as a JSON number or decimal text; JSON numbers above 2^53 - 1 are not exact. */
function number(item: Item, field: string, most: bigint, fallback?: bigint): bigint {
  if (fallback !== undefined && (item[field] === undefined || item[field] === null)) return fallback;
  const value = required(item, field);
  if (typeof value === 'number' && value > Number.MAX_SAFE_INTEGER) {
    throw badField('out_of_range', field, 'must be decimal text if it is above 9007199254740991');
  }
  const isWhole =
    typeof value === 'number'
      ? Number.isSafeInteger(value) && value >= 0
      : typeof value === 'string' && DIGITS.test(value);
  if (!isWhole) throw badField('invalid_format', field, 'must be a whole number, 0 or more, or decimal text');
  const parsed = BigInt(typeof value === 'string' ? value : Number(value));
  if (parsed > most) throw badField('out_of_range', field, `must be at most ${most}`);
  return parsed;
}

function flag(item: Item, field: string): boolean {
  const value = item[field] ?? false;
  if (typeof value !== 'boolean') throw badField('invalid_type', field, 'must be true or false');
  return value;
}

/** Returns the time of a block, Unix seconds with fractions, as milliseconds. */
function time(value: unknown, now: number): number {
  if (value === undefined || value === null) throw badField('required', 'timestamp', 'is required');
  if (typeof value !== 'number' || !(value >= 0 && value < END_SECONDS)) {
    throw badField('invalid_format', 'timestamp', 'must be Unix seconds; fractions are allowed');
  }
  const at = Math.round(value * 1_000);
  if (at > now + MAX_FUTURE_MS)
    throw badField('in_future', 'timestamp', "must be at most a day ahead of this server's clock");
  return at;
}
