export * from './delivery.js';
export * from './preferences.js';
export { comparedFigures, figure, unitOf, unitOfField, type Unit } from './figures.js';
export { headline, listed, listedLine, subjectOf } from './alert-text.js';
export { stormTexts, withoutRules, type ListedAlert, type StormMessage } from './storm-message.js';
export { cutText } from './cut-text.js';
export { quietHoursFault } from './quiet-hours.js';
export { sameTarget } from './still-wanted.js';
export { sendTime, type SendTime } from './send-time.js';
