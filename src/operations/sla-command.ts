import { parseArgs } from 'node:util';
import type { Database } from '../platform/database/database.js';
import { parseTime } from '../platform/input/time.js';
import { unknownArgument } from '../platform/process/command-line.js';
import { slaText } from './core/sla.js';
import { readSlaReport } from './sla-minutes.js';

/** Longest range of a report: ten years. */
const MAX_RANGE_MS = 10 * 366 * 86_400_000;

const HELP = `Usage: defi-realtime sla --from <time> [--to <time>] [--json]

Counts the good and bad minutes that the probe has measured, month by month (UTC). A minute is bad without a row, with a failed
connect, or with a 95th percentile from commit to client of 100 ms or more. Times: 2026-11-01, ISO 8601 with a zone, now-30d;
--to is now by default. Exit code 0: done; 1: failed; 2: invalid arguments.`;

/** Where the command reads and writes. */
interface SlaSurroundings {
  /** Opens the database; the command closes it. */
  readonly open: () => Promise<Database>;
  readonly now: number;
  out(text: string): void;
  err(text: string): void;
}

/** Runs `defi-realtime sla …` and returns the exit code. */
export async function runSlaCommand(args: readonly string[], around: SlaSurroundings): Promise<number> {
  const asked = read(args, around.now);
  if ('text' in asked) {
    (asked.code === 0 ? around.out : around.err)(asked.text);
    return asked.code;
  }
  try {
    const database = await around.open();
    try {
      const report = await readSlaReport(database, asked.from, asked.to);
      around.out(asked.json ? JSON.stringify(report, undefined, 2) : slaText(report));
    } finally {
      await database.onApplicationShutdown();
    }
    return 0;
  } catch (error) {
    around.err(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

/** Options of the command, also as `--from=now-1d`. */
const KNOWN = /^(?:-h|--(?:from|to|json|help))(?:=|$)/;

type Asked = { from: number; to: number; json: boolean } | { text: string; code: 0 | 2 };

function read(args: readonly string[], now: number): Asked {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        from: { type: 'string' },
        to: { type: 'string', default: 'now' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return { text: HELP, code: 0 };
    const from = values.from === undefined ? undefined : parseTime(values.from, now);
    const to = parseTime(values.to, now);
    if (from === undefined || to === undefined) return { text: '--from and --to must be times; see --help', code: 2 };
    if (to <= from) return { text: '--to must be later than --from', code: 2 };
    if (to - from > MAX_RANGE_MS) return { text: '--from and --to must be at most ten years apart', code: 2 };
    return { from, to, json: values.json };
  } catch (error) {
    const unknown = args.find((argument) => argument.startsWith('-') && !KNOWN.test(argument));
    if (unknown !== undefined) return { text: unknownArgument(unknown), code: 2 };
    return { text: error instanceof Error ? error.message : String(error), code: 2 };
  }
}
