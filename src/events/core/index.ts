/** Pure functions and types of events. Core folders of other modules import from here, so that they load no other code. */
export { chainName, chainNameInProtocols } from './chains.js';
export { CATEGORIES_LEFT_OUT, isLeftOutOfChains } from './chain-totals.js';
export { isShortChannel, parseChannel } from './channels.js';
export { formatCursor, parseCursor } from './cursor.js';
export { type DeadBand, type DeadBandRow, deadBandOf, defaultDeadBand } from './dead-band.js';
export {
  type Subject,
  type EventType,
  type PostedType,
  type RuleEventType,
  eventSpec,
  isPostedType,
  EVENT_TYPES,
  RULE_EVENT_TYPES,
  eventTypesWhere,
  eventDoc,
  updateName,
  EVENT_TYPE_NAMES,
} from './event-catalogue.js';
export { FINALITIES, isFor, type Finality } from './finality.js';
export { eventId, parseEventId } from './event-id.js';
export { type LogType, isDelivered, type LogEvent } from './log-event.js';
export {
  ALL_CHAINS,
  normaliseChain,
  normaliseToken,
  chainOfToken,
  type NameKind,
  normaliseName,
  nameFault,
  endedFault,
  slugOf,
  isRealChain,
  isPseudoChain,
} from './names.js';
export { type EventPayload, eventPayload } from './payload.js';
export { STEPS, roundToStep } from './steps.js';
