import { parseArgs } from 'node:util';
import { unknownArgument } from '../platform/process/command-line.js';
import { writeMissingSecrets } from '../platform/secrets/deployment-secrets.js';

const DIRECTORY = '/run/secrets';

const HELP = `Writes the secrets that a deployment of compose.yaml lacks: passwords, keys, and a self-signed TLS certificate.

  defi-realtime secrets [--dir ${DIRECTORY}]

Files that exist stay as they are: put your own there, such as tls.crt and tls.key. The secrets are not printed.
`;

/** Writes missing secrets of a deployment into a directory. */
export async function run(args: readonly string[]): Promise<void> {
  try {
    const { dir = DIRECTORY, help } = parseArgs({ args: [...args], options: OPTIONS }).values;
    if (help) process.stdout.write(HELP);
    else report(dir, writeMissingSecrets(dir, new Date()));
  } catch (error) {
    const isUsage = error instanceof TypeError && 'code' in error;
    const unknown = args.find((argument) => argument.startsWith('-')) ?? args[0] ?? '';
    process.stderr.write(`${isUsage ? unknownArgument(unknown) : String(error)}\n`);
    process.exitCode = isUsage ? 2 : 1;
  }
}

const OPTIONS = { dir: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;

function report(directory: string, written: readonly string[]): void {
  const text = written.length === 0 ? 'No secret was missing' : `Wrote ${written.join(', ')}`;
  process.stdout.write(`${text} (in ${directory}).\n`);
}
