export { runBackupCommand } from './backup/backup-command.js';
export { runSlaCommand } from './sla-command.js';
export { recordSlaMinute } from './sla-minutes.js';
