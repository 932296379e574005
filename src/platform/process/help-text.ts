import { SETTINGS } from '../settings/settings-table.js';
import type { Setting } from '../settings/setting.js';

const WIDTH = 100;
const INDENT = '      ';

/** Returns the output of `--help`: usage, and every setting with unit, default and meaning. */
export function helpText(): string {
  const settings = Object.entries<Setting<unknown>>(SETTINGS).map(([name, setting]) => {
    const shown = setting.shown ?? String(setting.fallback);
    return [`  ${name}  (${setting.unit}; default: ${shown})`, ...wrapped(setting.doc)].join('\n');
  });
  return `Usage: defi-realtime start      run the service (in a clone: npm start)

Settings are environment variables, or lines of a file .env in the working directory:

${settings.join('\n')}
`;
}

function wrapped(text: string): string[] {
  const lines = [INDENT];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line.length + word.length > WIDTH) lines.push(`${INDENT}${word} `);
    else lines[lines.length - 1] = `${line}${word} `;
  }
  return lines.map((line) => line.trimEnd());
}
