export { OperationsModule } from './operations.module.js';
export { runSlaCommand } from './sla-command.js';
export { recordSlaMinute } from './sla-minutes.js';
