import type { Settings } from '../../platform/settings/settings.js';

/** Names of the data sources, as SOURCE lists them. */
export const SOURCE_NAMES = ['sample', 'defillama'] as const;
/** Value of SOURCE that chooses no source; it cannot be combined with others. */
const NO_SOURCE = 'none';
/** Values that SOURCE may list. */
export const SOURCE_VALUES: readonly string[] = [...SOURCE_NAMES, NO_SOURCE];
/** Longest part of an unknown value that its fault repeats, characters. */
const MAX_SHOWN = 200;

export type SourceName = (typeof SOURCE_NAMES)[number];

/** Faults of the setting SOURCE, for the start of the process. */
export function sourceFaults({ source = [] }: Pick<Settings, 'source'>): string[] {
  const given = `SOURCE=${source.join(',').slice(0, MAX_SHOWN)}`;
  const unknown = source.find((name) => !SOURCE_VALUES.includes(name));
  if (unknown !== undefined) {
    const shown = unknown === '' ? '(empty)' : unknown.slice(0, MAX_SHOWN);
    return [`${given}: unknown source ${shown}; allowed: ${SOURCE_VALUES.join(', ')}`];
  }
  return source.includes(NO_SOURCE) && source.length > 1 ? [`${given}: none cannot be combined with others`] : [];
}

/** Returns the sources to run, without repetitions: those that SOURCE lists, or the sample if the database is embedded. */
export function chosenSources({ source, embedded }: Pick<Settings, 'source' | 'embedded'>): readonly SourceName[] {
  const listed = source ?? (embedded ? ['sample'] : []);
  return [...new Set(listed)].filter(isSourceName);
}

function isSourceName(name: string): name is SourceName {
  return SOURCE_NAMES.some((known) => known === name);
}
