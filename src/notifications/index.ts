export * from './core/index.js';
export { OLD_LINK, page, question } from './channels/link-page.js';
export { PublicLinks } from './channels/public-links.js';
export { EXAMPLE_ALERT } from './templates/built-in.js';
export { Deliveries } from './deliveries/deliveries.js';
export { NotificationsModule } from './notifications.module.js';
export { Preferences } from './preferences/preferences.js';
export { Targets, type TargetStatus } from './targets/targets.js';
export { Templates, type PreviewedMessage, type PreviewRequest, type RenderedMessage } from './templates/templates.js';
