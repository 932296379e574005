/** Pure functions and types of on-chain events and points. Core folders of other modules import from here. */
export type { BlockHeader, RawLog } from './model/block.js';
export type { ChainEvent } from './model/chain-event.js';
export { EVENT_KINDS, STANDARDS, type EventKind, type Standard } from './model/event-forms.js';
export { parseAddress, parseHash, parseQuantity, ZERO_ADDRESS, type Address, type Hash } from './model/hex.js';
export { DAY_MS, formatPoints, microPoints, parsePoints } from './points/amounts.js';
export { PointRates, type ContractRates, type PointRule, type RateStretch } from './points/rates.js';
