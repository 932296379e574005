/**
 * `npm test [-- <suite> …]`: installs missing tools, builds if necessary, runs the checks and the suites, and prints the
 * duration of each step. It ends even if a test leaves processes behind, and prints these.
 */
import { spawn } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { printCoverageGaps } from './coverage-gaps.mjs';
import { installTools } from './install-tools.mjs';

const ROOT = join(import.meta.dirname, '../../..');
const BIN = join(ROOT, 'node_modules/.bin');
const SUITES = ['unit', 'contract', 'integration', 'postgres-15', 'e2e', 'cluster', 'fault', 'security', 'browser'];
const LONG = process.env.TEST_LONG === '1';
/** Coverage costs an eighth of the processor time, so only long runs and `npm run test:coverage` collect it. */
const COVERED = LONG || process.env.TEST_COVERAGE === '1';
/** Target for the duration of all suites. A slower run is reported but does not fail, because machines differ. */
const BUDGET_SECONDS = 900;
/** Time for coverage and exit after the report is written, ms; after that, the run counts as hanging. */
const EXIT_GRACE_MS = 60_000;
const LIMIT_MS = (LONG ? 240 : 45) * 60_000;

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !SUITES.includes(name));
if (unknown.length > 0) {
  console.error(`Unknown suite ${unknown.join(', ')}. There are: ${SUITES.join(', ')}.`);
  process.exit(2);
}
const suites = chosen.length > 0 ? chosen : SUITES;
const complete = suites.length === SUITES.length;

const runId = randomUUID();
const seed = process.env.TEST_SEED ?? String(randomInt(2 ** 31));
const environment = {
  ...process.env,
  // Scripts run on the Node version of package.json, even if this file was started with an older one.
  PATH: `${BIN}:${process.env.PATH}`,
  TEST_SEED: seed,
  DEFI_REALTIME_TEST_RUN: runId,
};

const problems = [];
const steps = [];

/** Runs a command to its end and adds the step to the table. */
async function step(name, command, args) {
  const started = Date.now();
  const code = await new Promise((resolve) => {
    const child = spawn(command, args, { cwd: ROOT, env: environment, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', () => resolve(1));
    child.on('exit', (exitCode) => resolve(exitCode ?? 1));
  });
  steps.push({ name, seconds: (Date.now() - started) / 1000, note: code === 0 ? '' : 'failed' });
  return code === 0;
}

function newestChange(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newestChange(join(path, name))));
}

function buildIsStale() {
  const entry = join(ROOT, 'dist/src/main.js');
  if (!existsSync(entry)) return true;
  const inputs = ['src', 'migrations', 'package.json', 'nest-cli.json', 'tsconfig.json', 'tsconfig.build.json'];
  return Math.max(...inputs.map((name) => newestChange(join(ROOT, name)))) > statSync(entry).mtimeMs;
}

/** Returns the processes started by this run, which have its id in their environment. */
function leftovers() {
  const found = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'latin1').includes(runId)) continue;
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      if (command) found.push({ pid: Number(pid), command: command.slice(0, 160) });
    } catch {
      // The process ended while it was inspected, or belongs to another user.
    }
  }
  return found;
}

function endLeftovers() {
  const left = leftovers();
  for (const { pid } of left) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // The process has already ended.
    }
  }
  return left.map(({ pid, command }) => `${pid} ${command}`);
}

async function vitest(reportFile) {
  const args = ['run', ...suites.flatMap((name) => ['--project', name]), '--passWithNoTests'];
  args.push('--reporter=default', '--reporter=./test/support/run/run-reporter.mjs');
  if (complete && COVERED) args.push('--coverage.enabled', '--coverage.reportOnFailure');
  const env = { ...environment, RUN_REPORT: reportFile };
  const child = spawn(join(BIN, 'vitest'), args, { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = new Promise((resolve) => {
    child.on('error', (error) => resolve(String(error)));
    child.on('exit', (code, signal) => resolve(signal ?? code));
  });
  const started = Date.now();
  let reportedAt = 0;
  const watchdog = setInterval(() => {
    if (reportedAt === 0 && existsSync(reportFile)) reportedAt = Date.now();
    const hanging = reportedAt > 0 && Date.now() - reportedAt > EXIT_GRACE_MS;
    if (!hanging && Date.now() - started < LIMIT_MS) return;
    const reason = hanging ? 'did not end after its last test' : `took longer than ${LIMIT_MS / 60_000} minutes`;
    problems.push(`The run ${reason}. Still there:\n    ${endLeftovers().join('\n    ')}`);
    clearInterval(watchdog);
  }, 500);
  const result = await ended;
  clearInterval(watchdog);
  if (result !== 0) problems.push(`Vitest ended with ${result}`);
}

/** Returns counts by suite; a file that failed outside its tests, or could not be loaded, counts as one failure. */
function summarise(files) {
  const bySuite = new Map(
    suites.map((name) => [name, { files: 0, passed: 0, failed: 0, skipped: 0, seconds: 0, slowest: '', longest: 0 }]),
  );
  for (const { suite, file, seconds, passed, failed, skipped, failure } of files) {
    const sum = bySuite.get(suite);
    if (!sum) continue;
    const name = relative(ROOT, file);
    sum.files += 1;
    sum.seconds += seconds;
    if (seconds > sum.longest) Object.assign(sum, { longest: seconds, slowest: name });
    sum.passed += passed;
    sum.failed += failed;
    sum.skipped += skipped;
    if (failure !== undefined && failed === 0) {
      sum.failed += 1;
      problems.push(`${name}: ${failure.split('\n')[0] || 'failed outside its tests'}`);
    }
  }
  return bySuite;
}

function printTable(bySuite, wallSeconds) {
  const line = (...cells) =>
    console.log(`  ${cells.map((cell, index) => (index === 0 ? cell.padEnd(16) : cell.padStart(9))).join('')}`);
  if (steps.length > 0) {
    console.log();
    line('step', 'seconds');
  }
  for (const { name, seconds, note } of steps) line(name, seconds.toFixed(1), note);
  console.log();
  line('suite', 'seconds', 'files', 'passed', 'failed', 'skipped');
  for (const [name, sum] of bySuite) {
    const counts = [sum.files, sum.passed, sum.failed, sum.skipped].map(String);
    line(name, sum.seconds.toFixed(1), ...counts);
    if (sum.longest > 20) console.log(`    longest: ${sum.slowest}, ${sum.longest.toFixed(1)} s`);
  }
  line('together', wallSeconds.toFixed(1));
  console.log('  (a suite’s seconds are those of its files, of which two run side by side)');
  if (complete && !LONG && wallSeconds > BUDGET_SECONDS) console.log(`  over the budget of ${BUDGET_SECONDS} s`);
}

async function main() {
  console.log(`suites: ${suites.join(', ')}; seed of random faults: TEST_SEED=${seed}${LONG ? '; long run' : ''}`);
  const missing = installTools(suites);
  if (missing) {
    console.error(missing);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const runsTheBuild = suites.some((name) => name !== 'unit');
  if (runsTheBuild && buildIsStale() && !(await step('build', 'npm', ['run', '--silent', 'build']))) {
    problems.push('The build failed');
    return { passed: 0, failed: 1, skipped: 0 };
  }
  // A linter error must not hide a failed test: the run continues, and fails at the end.
  // The parts of `npm run check` run separately, so that one failure does not hide the next.
  for (const check of complete ? ['check:lint', 'check:format', 'check:types', 'check:imports', 'check:exports'] : []) {
    if (!(await step(check, 'npm', ['run', '--silent', check]))) problems.push(`npm run ${check} failed`);
  }

  const folder = mkdtempSync(join(tmpdir(), 'defi-realtime-report-'));
  const reportFile = join(folder, 'report.json');
  const started = Date.now();
  await vitest(reportFile);
  const wallSeconds = (Date.now() - started) / 1000;
  const left = endLeftovers();
  if (left.length > 0) problems.push(`Processes outlived the run and were ended:\n    ${left.join('\n    ')}`);
  if (!existsSync(reportFile)) {
    problems.push('There is no report of the run');
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const bySuite = summarise(JSON.parse(readFileSync(reportFile, 'utf8')));
  rmSync(folder, { recursive: true });
  printTable(bySuite, wallSeconds);
  if (complete && COVERED) printCoverageGaps(ROOT);
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const sum of bySuite.values()) for (const key of Object.keys(total)) total[key] += sum[key];
  return total;
}

const { passed, failed, skipped } = await main();
if (passed === 0 && failed === 0) problems.push('No test ran');
for (const problem of problems) console.error(`\n  ✗ ${problem}`);
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed > 0 || problems.length > 0 ? 1 : 0);
