/** Pure functions and types of on-chain events and points. Core folders of other modules import from here. */
export { bloomBits, mayContain, type BloomBits } from './chain/bloom.js';
export { isDecodeFailure, type DecodeFailure, type DecodeFault } from './decode/decode-failure.js';
export { decoderFor, type DecodedContract, type DecoderLimits, type LogDecoder } from './decode/decoder.js';
export { topic0sOf } from './decode/event-variants.js';
export type { BlockHeader, RawLog } from './model/block.js';
export type { ChainEvent } from './model/chain-event.js';
export { EVENT_KINDS, STANDARDS, type EventKind, type Standard } from './model/event-forms.js';
export { parseAddress, parseHash, parseQuantity, ZERO_ADDRESS, type Address, type Hash } from './model/hex.js';
export { DAY_MS, formatPoints, microPoints, parsePoints } from './points/amounts.js';
export { PointRates, type ContractRates, type PointRule, type RateStretch } from './points/rates.js';
export { HotRows } from './project/hot-rows.js';
export { batchLength, keysOf, tokensIn, type MissingRows, type TokenRange } from './project/keys.js';
export type { PositionChange, PositionImage } from './project/position-book.js';
export { Projection, type EventError } from './project/projection.js';
export type { BalanceRow, BalanceSlot, Interval, TokenRow, TokenSlot } from './project/rows.js';
export { StreamModel, type StreamContract, type TokenContract } from './project/stream-model.js';
export { findFork, type BlockRef, type ForkLimits, type ForkResult, type StoredChain } from './chain/fork.js';
export { RangeSize, type BlockRange, type RangeSizeOptions } from './chain/range-size.js';
