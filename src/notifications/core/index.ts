export { CHANNEL_NAMES, CHANNELS, type Channel } from './channels/catalogue.js';
export {
  PRIORITIES,
  type Priority,
  type MessageType,
  FORMATS,
  type Format,
  type AlertMessage,
  type NewDelivery,
} from './delivery.js';
export {
  DAYS,
  type Day,
  NEVER_QUIET,
  type RuleQuietHours,
  type UserPreferences,
  DEFAULT_PREFERENCES,
  preferencesFor,
} from './preferences.js';
export { comparedFigures, figure, movedFigures, unitOf, unitOfField, type Unit } from './figures.js';
export { headline, listed } from './alert-text.js';
export { stormTexts, withoutRules, type ListedAlert, type StormMessage } from './storm-message.js';
export { cutText } from './cut-text.js';
export { quietHoursFault } from './quiet-hours.js';
export { shownKind } from './hook-forms.js';
export { sameTarget } from './still-wanted.js';
export { sendTime } from './send-time.js';
