const HELP: ReadonlySet<string> = new Set(['--help', '-h']);

/** Returns the message for an unknown argument: a typing error must not run the command. */
export function unknownArgument(argument: string): string {
  return `unknown argument ${argument}; see --help`;
}

/** Runs a command whose only argument is --help; any other argument sets exit code 2. */
export async function runCommand(args: readonly string[], help: () => string, run: () => Promise<void>): Promise<void> {
  const unknown = args.find((argument) => !HELP.has(argument));
  if (unknown !== undefined) {
    process.stderr.write(`${unknownArgument(unknown)}\n`);
    process.exitCode = 2;
  } else if (args.length > 0) process.stdout.write(help());
  else await run();
}
