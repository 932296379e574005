const HELP: ReadonlySet<string> = new Set(['--help', '-h']);

/** The fault of an argument that a command does not take: a slip of the pen must not run it as if nothing had been said. */
export function unknownArgument(argument: string): string {
  return `unknown argument ${argument}; see --help`;
}

/** Runs a command that takes no argument but --help; with any other the process ends with exit code 2. */
export async function runCommand(args: readonly string[], help: () => string, run: () => Promise<void>): Promise<void> {
  const unknown = args.find((argument) => !HELP.has(argument));
  if (unknown !== undefined) {
    process.stderr.write(`${unknownArgument(unknown)}\n`);
    process.exitCode = 2;
  } else if (args.length > 0) process.stdout.write(help());
  else await run();
}
