const HELP: ReadonlySet<string> = new Set(['--help', '-h']);

/** Command of the command line: its description, and its module, which is loaded only when it is called. */
interface NamedCommand {
  readonly does: string;
  readonly load: () => Promise<{ run(args: readonly string[]): Promise<void> }>;
}

/** Returns the message for an unknown argument: a typing error must not run the command. */
export function unknownArgument(argument: string): string {
  return `unknown argument ${argument}; see --help`;
}

/**
 * Runs the command that the first argument names, with the other arguments; without arguments, the command `usual`. An
 * unknown command or argument sets exit code 2.
 */
export async function runNamedCommand(
  args: readonly string[],
  commands: Readonly<Record<string, NamedCommand>>,
  usual: string,
): Promise<void> {
  const [name = usual, ...rest] = args;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command !== undefined) await (await command.load()).run(rest);
  else if (HELP.has(name) && rest.length === 0) process.stdout.write(overview(commands));
  else {
    const allowed = Object.keys(commands).join(', ');
    process.stderr.write(
      name.startsWith('-') ? `${unknownArgument(name)}\n` : `unknown command ${name}; allowed: ${allowed}\n`,
    );
    process.exitCode = 2;
  }
}

function overview(commands: Readonly<Record<string, NamedCommand>>): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines = Object.entries(commands).map(([name, { does }]) => `  ${name.padEnd(width)}  ${does}`);
  return `Usage: defi-realtime <command>

${lines.join('\n')}

Each command explains itself with --help; the settings are listed by defi-realtime start --help.
Exit codes: 0 done, 1 failed, 2 invalid arguments.
`;
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
