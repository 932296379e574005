export { AlertsModule } from './alerts.module.js';
export { UsageModule } from './usage.module.js';
