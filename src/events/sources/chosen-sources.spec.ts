import { describe, expect, it } from 'vitest';
import { SETTINGS } from '../../platform/settings/settings-table.js';
import { parseSettings } from '../../platform/settings/settings.js';
import { chosenSources, sourceFaults, SOURCE_VALUES } from './chosen-sources.js';

const chosen = (env: Record<string, string>) => chosenSources(parseSettings(env));
const faults = (SOURCE: string) => sourceFaults(parseSettings({ SOURCE }));

describe('the sources to run', () => {
  it('are by default the sample if the database is embedded, and otherwise none', () => {
    expect(chosen({})).toEqual(['sample']);
    expect(chosen({ DATABASE_URL: 'postgres://db/rta' })).toEqual([]);
  });

  it('are the listed ones without repetitions', () => {
    expect(chosen({ SOURCE: 'defillama, sample, sample' })).toEqual(['defillama', 'sample']);
    expect(chosen({ SOURCE: 'none' })).toEqual([]);
  });
});

describe('the setting SOURCE', () => {
  it('accepts the documented names', () => {
    expect(SETTINGS.SOURCE.unit).toBe(SOURCE_VALUES.join(' | '));
    for (const name of SOURCE_VALUES) expect(faults(name)).toEqual([]);
    expect(faults('defillama, sample')).toEqual([]);
  });

  it('refuses an unknown name and lists the allowed ones', () => {
    expect(faults('sample,moon')).toEqual([
      'SOURCE=sample,moon: unknown source moon; allowed: sample, defillama, none',
    ]);
    expect(faults('sample,')[0]).toContain('unknown source (empty); allowed:');
    expect(faults('x'.repeat(10_000)).join().length).toBeLessThan(500);
  });

  it('refuses `none` beside a source', () => {
    expect(faults('none,sample')).toEqual(['SOURCE=none,sample: none cannot be combined with other sources']);
  });
});
