import { runApiKeyCommand } from '../access/cli/api-key-command.js';
import { loadSettings } from '../platform/settings/load-settings.js';

/** Creates, lists, rotates and revokes API keys. */
export async function run(args: readonly string[]): Promise<void> {
  process.exitCode = await runApiKeyCommand(args, () => loadSettings(), {
    out: (line) => process.stdout.write(`${line}\n`),
    err: (line) => process.stderr.write(`${line}\n`),
  });
}
