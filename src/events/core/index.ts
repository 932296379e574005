/** Pure functions and types of events. Core folders of other modules import from here, so that they load no other code. */
export { chainName, chainNameInProtocols } from './chains.js';
export * from './chain-totals.js';
export * from './channels.js';
export * from './confidence.js';
export * from './cursor.js';
export * from './event-catalogue.js';
export * from './event-id.js';
export * from './log-event.js';
export * from './names.js';
export * from './payload.js';
export * from './steps.js';
