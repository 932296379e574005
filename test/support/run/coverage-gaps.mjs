import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Prints the files with the most lines that no test ran, from Vitest's coverage summary. */
export function printCoverageGaps(root, most = 8) {
  const file = join(root, 'coverage/coverage-summary.json');
  if (!existsSync(file)) return;
  const { total, ...files } = JSON.parse(readFileSync(file, 'utf8'));
  const gaps = Object.entries(files)
    .map(([path, { lines }]) => ({ path: relative(root, path), missing: lines.total - lines.covered, of: lines.total }))
    .filter(({ missing }) => missing > 0)
    .sort((a, b) => b.missing - a.missing);
  console.log(`\n  ${total.lines.pct} % of the lines of src were run by tests; most lines were left out in`);
  for (const { path, missing, of } of gaps.slice(0, most)) console.log(`    ${path}: ${missing} of ${of}`);
}
