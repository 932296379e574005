import type { RawLog } from '../model/block.js';
import type { ChainEvent } from '../model/chain-event.js';
import { placesOf, readAddress, readNumber, type Place, type Places } from './argument-places.js';
import { decodeFailure, type DecodeFailure } from './decode-failure.js';
import type { EventVariant } from './event-variants.js';
import { WORD_DIGITS, isHexBytes, numberAt } from './hex-words.js';

/** Members of an event that the arguments of its log give. */
type EventArguments = Pick<
  ChainEvent,
  'from' | 'to' | 'staker' | 'startTokenId' | 'quantity' | 'tokenIds' | 'quantities'
>;

/** Reads the arguments of a log that has the variant's topics, each as long as a topic. Never throws. */
export type ArgumentReader = (log: RawLog) => EventArguments | DecodeFailure;

type Accounts = Pick<ChainEvent, 'from' | 'to' | 'staker'>;

const MAX_UINT256 = 2n ** 256n - 1n;

/**
 * Makes the reader of a variant. It reads at fixed places, which are computed once here. Lists are read by hand as well:
 * viem takes 6 µs for an item, so that one batch of 100,000 would hold the event loop for a second. In the tests viem
 * judges what is read here.
 */
export function argumentReader(variant: EventVariant, maxBatchQuantity: number): ArgumentReader {
  const layout = placesOf(variant);
  const { tokenIds, quantities } = layout.places;
  const readTokens =
    tokenIds && quantities
      ? listsReader(tokenIds, quantities, maxBatchQuantity)
      : rangeReader(variant, layout, BigInt(maxBatchQuantity));
  const readAccounts = accountsReader(layout);
  return (log) => {
    if (!isHexBytes(log.data)) return decodeFailure('bad_data', 'data must be whole bytes in hexadecimal');
    if (log.data.length < layout.dataLength) {
      return decodeFailure('short_data', `data must have at least ${bytesOf(layout.dataLength)} bytes`);
    }
    const accounts = readAccounts(log);
    if ('code' in accounts) return accounts;
    const tokens = readTokens(log);
    if ('code' in tokens) return tokens;
    return {
      from: accounts.from,
      to: accounts.to,
      staker: accounts.staker,
      startTokenId: tokens.startTokenId,
      quantity: tokens.quantity,
      tokenIds: tokens.tokenIds,
      quantities: tokens.quantities,
    };
  };
}

function bytesOf(characters: number): number {
  return (characters - 2) / 2;
}

function accountsReader({ places }: Places): (log: RawLog) => Accounts | DecodeFailure {
  const { operator, account } = places;
  const sender = account ?? places.from;
  const receiver = places.to;
  return (log) => {
    const from = readAddress(sender, log);
    const to = readAddress(receiver, log);
    if (from === undefined || to === undefined || (operator && readAddress(operator, log) === undefined)) {
      return decodeFailure('dirty_address', 'addresses must be 20 bytes, padded with zeros to 32');
    }
    return { from, to, staker: account ? from : null };
  };
}

type Tokens = Omit<EventArguments, keyof Accounts>;

/** Reads a first token and how many follow, or an amount. */
function rangeReader(
  { form }: EventVariant,
  { places }: Places,
  most: bigint,
): (log: RawLog) => Tokens | DecodeFailure {
  const { startTokenId: first, lastTokenId: last, quantity: amount } = places;
  const { always, perToken } = form;
  return (log) => {
    const startTokenId = always?.startTokenId ?? readNumber(first, log);
    const counted = always?.quantity ?? readNumber(last ?? amount, log);
    if (startTokenId === undefined || counted === undefined) {
      return decodeFailure('bad_data', 'topics must be 32 bytes in hexadecimal');
    }
    if (last && counted < startTokenId) {
      return decodeFailure('backward_range', 'toTokenId must be at least fromTokenId');
    }
    const quantity = last ? counted - startTokenId + 1n : counted;
    if (perToken && quantity > most) return tooLarge(quantity, most);
    if (perToken && startTokenId + quantity - 1n > MAX_UINT256) {
      return decodeFailure('token_id_overflow', 'token ids must be less than 2^256');
    }
    return { startTokenId, quantity, tokenIds: null, quantities: null };
  };
}

function tooLarge(quantity: bigint | number, most: bigint | number): DecodeFailure {
  return decodeFailure('batch_too_large', `${quantity} tokens in one event; MAX_BATCH_QUANTITY is ${most}`);
}

/** Reads two lists; both lengths are checked before an item is read. */
function listsReader(ids: Place, amounts: Place, most: number): (log: RawLog) => Tokens | DecodeFailure {
  return (log) => {
    const tokens = listAt(log.data, ids);
    const quantities = listAt(log.data, amounts);
    if (!tokens || !quantities) return decodeFailure('short_data', 'data must hold both lists');
    if (tokens.length !== quantities.length) {
      return decodeFailure('unequal_lists', `${tokens.length} ids, but ${quantities.length} amounts`);
    }
    if (tokens.length > most) return tooLarge(tokens.length, most);
    return {
      startTokenId: null,
      quantity: null,
      tokenIds: numbersOf(log.data, tokens),
      quantities: numbersOf(log.data, quantities),
    };
  };
}

interface List {
  readonly length: number;
  /** Character at which the first item begins. */
  readonly at: number;
}

/** Finds the list that the word at a place points to; `undefined` if the data does not hold it. */
function listAt(data: string, place: Place): List | undefined {
  // Numbers above 2^53 lose digits here, but stay far above every length.
  const head = 2 + 2 * Number(numberAt(data, place.at));
  const at = head + WORD_DIGITS;
  if (at > data.length) return undefined;
  const length = Number(numberAt(data, head));
  return at + length * WORD_DIGITS <= data.length ? { length, at } : undefined;
}

function numbersOf(data: string, list: List): bigint[] {
  return Array.from({ length: list.length }, (_, position) => numberAt(data, list.at + position * WORD_DIGITS));
}
