import type { Settings } from '../../platform/settings/settings.js';

/** Names of the data sources that SOURCE can list. */
const SOURCE_NAMES = ['sample', 'defillama'] as const;
/** Value of SOURCE for no source; it cannot be combined with others. */
const NO_SOURCE = 'none';
/** All values that SOURCE can list. */
export const SOURCE_VALUES: readonly string[] = [...SOURCE_NAMES, NO_SOURCE];
/** Maximum characters of an unknown value that the message repeats. */
const MAX_SHOWN_LENGTH = 200;

export type SourceName = (typeof SOURCE_NAMES)[number];

/** Returns the faults of the setting SOURCE. */
export function sourceFaults({ source = [] }: Pick<Settings, 'source'>): string[] {
  const given = `SOURCE=${source.join(',').slice(0, MAX_SHOWN_LENGTH)}`;
  const unknown = source.find((name) => !SOURCE_VALUES.includes(name));
  if (unknown !== undefined) {
    const shown = unknown === '' ? '(empty)' : unknown.slice(0, MAX_SHOWN_LENGTH);
    return [`${given}: unknown source ${shown}; allowed: ${SOURCE_VALUES.join(', ')}`];
  }
  return source.includes(NO_SOURCE) && source.length > 1
    ? [`${given}: none cannot be combined with other sources`]
    : [];
}

/**
 * Returns the sources to run, without repetitions: those in SOURCE; if it is unset and the database is embedded, the sample.
 */
export function chosenSources({ source, embedded }: Pick<Settings, 'source' | 'embedded'>): readonly SourceName[] {
  const listed = source ?? (embedded ? ['sample'] : []);
  return [...new Set(listed)].filter(isSourceName);
}

function isSourceName(name: string): name is SourceName {
  return SOURCE_NAMES.some((known) => known === name);
}
