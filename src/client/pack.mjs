/**
 * Writes the client as a package of its own, `defi-realtime-client`, in the given folder (default: dist/client-package): the
 * modules as they are served, their types, README and licence. It has no dependencies.
 */
import { execFileSync } from 'node:child_process';
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeClient } from './bundle.mjs';

const ENTRIES = { '.': 'index', './live': 'live', './shared': 'shared' };
const root = fileURLToPath(new URL('../..', import.meta.url));

/** Writes the package; the folder is emptied before. */
export async function packClient(folder) {
  await rm(folder, { recursive: true, force: true });
  await writeClient(folder);
  writeTypes(folder);
  const { version, license } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const entry = ([path, name]) => [path, { types: `./${name}.d.ts`, default: `./${name}.js` }];
  const description = {
    name: 'defi-realtime-client',
    version,
    description:
      'Typed client of the realtime API of defi-realtime for browsers, workers and Node, without dependencies',
    license,
    type: 'module',
    sideEffects: false,
    exports: { ...Object.fromEntries(Object.entries(ENTRIES).map(entry)), './package.json': './package.json' },
    types: './index.d.ts',
    engines: { node: '>=20' },
  };
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(description, undefined, 2)}\n`);
  const readme = await readFile(join(root, 'src/client/README.md'), 'utf8');
  await writeFile(join(folder, 'README.md'), readme.replaceAll('defi-realtime/client', 'defi-realtime-client'));
  await copyFile(join(root, 'LICENSE'), join(folder, 'LICENSE'));
}

/** Writes the types of the client, of this repository's compiler, to a folder. */
function writeTypes(folder) {
  const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const options = ['--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--rootDir', 'src/client'];
  execFileSync(process.execPath, [compiler, '-p', 'tsconfig.client.json', ...options, '--outDir', folder], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await packClient(process.argv[2] ?? join(root, 'dist/client-package'));
}
