#!/usr/bin/env node
import { runNamedCommand } from './platform/process/command-line.js';

/** Commands by name. Each is loaded only when it is called: a probe takes a fraction of the service's start. */
const COMMANDS = {
  start: { does: 'run the service; also without a command', load: () => import('./commands/start.js') },
  migrate: { does: 'run the pending database migrations', load: () => import('./commands/migrate.js') },
  apikey: { does: 'create, list, rotate and revoke API keys', load: () => import('./commands/apikey.js') },
  probe: { does: 'ask the service of this machine whether it runs', load: () => import('./commands/probe.js') },
  backup: { does: 'copy the database, archive its changes, restore it', load: () => import('./commands/backup.js') },
  sla: { does: 'report the good and bad minutes of the service', load: () => import('./commands/sla.js') },
  secrets: { does: 'write missing secrets of a deployment', load: () => import('./commands/secrets.js') },
};

await runNamedCommand(process.argv.slice(2), COMMANDS, 'start');
