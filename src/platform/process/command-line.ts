const HELP: ReadonlySet<string> = new Set(['--help', '-h']);

/** Returns the fault of an argument that a command does not know: a typing mistake must not run the command. */
export function unknownArgument(argument: string): string {
  return `unknown argument ${argument}; see --help`;
}

/** Runs a command whose only argument is --help; with any other the process ends with exit code 2. */
export async function runCommand(args: readonly string[], help: () => string, run: () => Promise<void>): Promise<void> {
  const unknown = args.find((argument) => !HELP.has(argument));
  if (unknown !== undefined) {
    process.stderr.write(`${unknownArgument(unknown)}\n`);
    process.exitCode = 2;
  } else if (args.length > 0) process.stdout.write(help());
  else await run();
}
