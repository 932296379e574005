import { runApiKeyCommand } from './access/cli/api-key-command.js';
import { loadSettings } from './platform/settings/load-settings.js';

process.exitCode = await runApiKeyCommand(process.argv.slice(2), () => loadSettings(), {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
});
