import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Largest file beside an embedded database that a backup takes along, bytes: keys are small. */
const MAX_BESIDE_BYTES = 64 * 1_024;
/** Files of the running server, which a restored one writes anew. */
const NOT_BESIDES = /^(?:database\.url|owner\.json.*|postgres\.log.*|\..*|.*\.new)$/;

/** Returns the small files of DATA_DIR, such as the key of the stored secrets, without which a restored database is of little use. */
export async function readBesides(dataDir: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of await readdir(dataDir)) {
    const file = join(dataDir, name);
    const state = await stat(file);
    if (!state.isFile() || state.size > MAX_BESIDE_BYTES || NOT_BESIDES.test(name)) continue;
    found[name] = await readFile(file, 'utf8');
  }
  return found;
}
