import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';

export interface ClientFile {
  readonly body: Buffer;
  readonly gzipped: Buffer;
}

/**
 * Reads the client that `npm run build` has built, from the folder dist/client/<version> of the package: its modules by their
 * path below /client/, such as `0.1.0/index.js`. Empty if the client was not built.
 */
export function readClientFiles(): ReadonlyMap<string, ClientFile> {
  const folder = builtClient();
  if (folder === undefined) return new Map();
  const version = basename(folder);
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.js'))
    .map((name): [string, ClientFile] => {
      const body = readFileSync(join(folder, name));
      return [`${version}/${name}`, { body, gzipped: gzipSync(body) }];
    });
  const index = files.find(([path]) => path.endsWith('/index.js'));
  return new Map(index ? [...files, [`${version}.js`, index[1]]] : files);
}

/** Finds the package's folder above this file, which is in src/ or in dist/src/. */
function builtClient(): string | undefined {
  for (let folder = import.meta.dirname; folder !== join(folder, '..'); folder = join(folder, '..')) {
    try {
      const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
      const built = join(folder, 'dist/client', version);
      readdirSync(built);
      return built;
    } catch {
      continue;
    }
  }
  return undefined;
}
