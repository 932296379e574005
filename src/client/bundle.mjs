/**
 * Builds the client as it is served and packed: one minified module for each entry, in the given folder (default:
 * dist/client). `live` and `shared` import `./index.js`.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ENTRIES = ['index', 'live', 'shared'];
const root = fileURLToPath(new URL('../..', import.meta.url));

/** Returns the modules by entry. */
export async function bundleClient() {
  const texts = await Promise.all(ENTRIES.map(bundled));
  return new Map(ENTRIES.map((entry, index) => [entry, texts[index]]));
}

async function bundled(entry) {
  const { outputFiles } = await build({
    entryPoints: [join(root, `src/client/${entry}.ts`)],
    tsconfigRaw: {},
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    external: ['./index.js'],
  });
  return outputFiles[0].text;
}

/** Writes the modules. Each is complete whenever another process reads it. */
export async function writeClient(folder) {
  await mkdir(folder, { recursive: true });
  for (const [entry, text] of await bundleClient()) {
    const file = join(folder, `${entry}.js`);
    await writeFile(`${file}.${process.pid}`, text);
    await rename(`${file}.${process.pid}`, file);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  await writeClient(process.argv[2] ?? join(root, 'dist/client', version));
}
