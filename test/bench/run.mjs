/** `npm run bench -- <name> [--quick] [--only <parts>] [--json]`: runs one bench and prints its figures. See README.md beside this file. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const benches = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length))
  .sort();

const USAGE = `npm run bench -- <name> [--quick] [--only <parts>] [--json]

  --quick   a smaller run of the same thing that ends within 60 s
  --only    hostile: attacks to run, separated by commas, such as S4,S10
  --json    print only the last line, one JSON object with all figures
  --help    this text

Benches: ${benches.join(', ')}

Each starts the built app (npm run build) on a database of its own and removes both afterwards.`;

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        quick: { type: 'boolean' },
        only: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    return { values: {}, positionals: [], problem: error.message };
  }
}

const { values, positionals, problem } = parse();
const [name] = positionals;
if (values.help || (!name && !problem)) {
  console.log(USAGE);
  process.exit(0);
}
if (problem || positionals.length > 1 || !benches.includes(name)) {
  console.error(`${problem ?? `There is no bench ${positionals.join(' ')}.`}\n\n${USAGE}`);
  process.exit(2);
}

const { BenchContext } = await import('./support/bench-context.ts');
const context = new BenchContext({
  name,
  quick: values.quick ?? false,
  only: values.only?.split(','),
  silent: values.json ?? false,
});
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => void context.cleanUp().finally(() => process.exit(130)));
}
try {
  const bench = await import(join(import.meta.dirname, `${name}.ts`));
  const figures = await bench.run(context);
  await context.cleanUp();
  context.print(figures);
} catch (error) {
  await context.cleanUp();
  console.error(error);
  process.exitCode = 1;
}
