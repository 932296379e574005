import { readFileSync } from 'node:fs';
import { loadEnvFile } from 'node:process';
import { parseEnv } from 'node:util';
import { parseSettings, type Settings, type SettingsCheck } from './settings.js';
import { errorCode } from '../errors/error-code.js';

/**
 * Loads the settings of this process from the environment and from `file`, if it exists; the environment has precedence.
 * `checks` are the checks of the modules that this process runs.
 */
export function loadSettings(file = '.env', checks: readonly SettingsCheck[] = []): Settings {
  const names = namesIn(file);
  if (names.length > 0) loadEnvFile(file);
  return parseSettings(process.env, names, checks);
}

function namesIn(file: string): string[] {
  try {
    return Object.keys(parseEnv(readFileSync(file, 'utf8')));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
