export * from './core/index.js';
export { Deliveries } from './deliveries/deliveries.js';
export { NotificationsModule } from './notifications.module.js';
export { Preferences } from './preferences/preferences.js';
export { Targets, type TargetStatus } from './targets/targets.js';
export { Templates, type PreviewRequest, type RenderedMessage } from './templates/templates.js';
