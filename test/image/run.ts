/**
 * `npm run test:image`: builds the images for real, without a daemon, on a base of Debian packages, starts them as a cluster
 * would (read-only root, no privileges), and prints their figures. It takes minutes and is no part of `npm test`.
 */
import { execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PAIRS } from '../../src/platform/http/certificates.fixture.js';
import { serverPort } from '../support/servers/server-port.js';
import { startTestCluster } from '../support/servers/test-cluster.js';
import { waitFor } from '../support/wait-for.js';
import { Buildah, makeBaseImages } from './base-images.js';
import { callEveryRoute } from './call-every-route.js';
import { Contained } from './contained.js';

const ROOT = join(import.meta.dirname, '../..');
const MB = 1_000_000;

/** Bounds of the images, MB; `embedded` may have that much more than `app`. */
const MAX_COMPRESSED_MB = 100;
const MAX_DISK_MB = 330;
const MAX_EMBEDDED_MORE_MB = 60;
/** Bound of start → ready in the image, ms. */
const MAX_START_MS = 5_000;

const ADMIN_KEY = `rta_imageadmin_${'k'.repeat(43)}`;

const faults: string[] = [];
const endings: (() => unknown)[] = [];

function expectTrue(isTrue: boolean, fault: string): void {
  if (!isTrue) faults.push(fault);
  console.log(`  ${isTrue ? '✓' : '✗'} ${fault}`);
}

/** Reason why images cannot be built on this machine; undefined if they can. */
function obstacle(): string | undefined {
  if (process.platform !== 'linux') return 'it needs Linux';
  if (process.getuid?.() !== 0) return 'it needs root, to mount images';
  const missing = ['buildah', 'mmdebstrap', 'unshare', 'setpriv', 'npm'].filter(
    (tool) => !process.env['PATH']?.split(':').some((folder) => existsSync(join(folder, tool))),
  );
  return missing.length === 0
    ? undefined
    : `it needs ${missing.join(', ')} (Debian: apt-get install ${missing.join(' ')})`;
}

interface Built {
  readonly root: string;
  readonly diskMb: number;
  readonly compressedMb: number;
}

function build(buildah: Buildah, target: string, images: { base: string; build: string }): Built {
  const name = `localhost/rta-${target}`;
  const args = Object.entries({ BASE: images.base, BUILD: images.build, OPS_BASE: images.build });
  buildah.run(
    [
      'bud',
      '--isolation=chroot',
      '--layers',
      '--quiet',
      `--target=${target}`,
      `--tag=${name}`,

      ...args.flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]),
      `--file=${join(ROOT, 'docker/Dockerfile')}`,
      ROOT,
    ],
    true,
  );
  const root = buildah.run(['mount', buildah.run(['from', name])]);
  const packed = join(buildah.folder, `oci-${target}`);
  buildah.run(['push', '--quiet', name, `oci:${packed}`]);
  const blobs = globSync('blobs/sha256/*', { cwd: packed }).map((blob) => statSync(join(packed, blob)).size);
  const compressedMb = blobs.reduce((sum, size) => sum + size, 0) / MB;
  const diskMb = Number(execFileSync('du', ['-sx', '--block-size=1000000', root], { encoding: 'utf8' }).split('\t')[0]);
  const config = JSON.parse(buildah.run(['inspect', '--type', 'image', name])) as {
    OCIv1: { config: { User: string }; rootfs: { diff_ids: string[] } };
  };
  const { config: set, rootfs } = config.OCIv1;
  console.log(
    `${target}: ${compressedMb.toFixed(1)} MB compressed, ${diskMb} MB on disk, ${rootfs.diff_ids.length} layers, user ${set.User}`,
  );
  expectTrue(set.User === '1000:1000', `${target} runs as a user without rights`);
  return { root, diskMb, compressedMb };
}

/** Starts the service in an image and waits until it is ready; returns its address, too. */
async function serve(
  root: string,
  data: string,
  env: Record<string, string>,
): Promise<{ app: Contained; url: string }> {
  const port = await serverPort();
  const started = performance.now();
  const app = Contained.start(root, data, ['start'], { HOST: '127.0.0.1', PORT: String(port), SOURCE: 'none', ...env });
  endings.push(() => app.kill());
  const url = `http://127.0.0.1:${port}`;
  const isReady = async (): Promise<boolean> => {
    if (app.ended) throw new Error(`the image's service ended:\n${app.output}`);
    if (env['TLS_CERT'] !== undefined) return app.output.includes('"msg":"Console"');
    return (await fetch(`${url}/health/ready`)).ok;
  };
  await waitFor(isReady, { timeoutMs: 120_000, everyMs: 20 });
  console.log(`  start → ready ${Math.round(performance.now() - started)} ms`);
  return { app, url };
}

function volume(folder: string, name: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  chownSync(path, 1000, 1000);
  return path;
}

/** Ends the service as an engine does, by SIGTERM to its first process; returns its exit code. */
async function stop(app: Contained): Promise<number | null> {
  const children = readFileSync(`/proc/${app.pid}/task/${app.pid}/children`, 'utf8').trim().split(' ');
  for (const pid of children) process.kill(Number(pid), 'SIGTERM');
  return await app.end();
}

async function tryApp(folder: string, { root }: Built): Promise<void> {
  const cluster = await startTestCluster();
  endings.push(() => cluster.stop());
  const data = volume(folder, 'app-data');
  const env = {
    DATABASE_URL: cluster.address('postgres'),
    SECRETS_KEY: 'a key that only this test uses',
    BOOTSTRAP_ADMIN_KEY: ADMIN_KEY,
  };
  const migrate = Contained.start(root, data, ['migrate'], env);
  expectTrue((await migrate.end()) === 0, `app migrates a database: ${migrate.output.slice(0, 60).trim()}…`);
  const started = performance.now();
  const { app, url } = await serve(root, data, env);
  expectTrue(performance.now() - started <= MAX_START_MS, `app is ready within ${MAX_START_MS} ms`);
  const { calls, failed } = await callEveryRoute(url, ADMIN_KEY);
  expectTrue(failed.length === 0, `app answers ${calls} calls of all its routes without a 5xx ${failed.join(', ')}`);
  const probe = Contained.start(root, data, ['probe'], { ...env, HOST: '127.0.0.1', PORT: new URL(url).port });
  expectTrue((await probe.end()) === 0, 'app answers its probe');
  expectTrue((await stop(app)) === 0, 'app drains and ends with 0 at SIGTERM');

  const pem = (label: string, text: string): string => `-----BEGIN ${label}-----\n${text}\n-----END ${label}-----\n`;
  writeFileSync(join(data, 'tls.crt'), pem('CERTIFICATE', PAIRS.one.certificate));
  writeFileSync(join(data, 'tls.key'), pem('PRIVATE KEY', PAIRS.one.key));
  const tls = { ...env, TLS_CERT: '/data/tls.crt', TLS_KEY: '/data/tls.key' };
  const secure = await serve(root, data, tls);
  const tlsProbe = Contained.start(root, data, ['probe'], {
    ...tls,
    HOST: '127.0.0.1',
    PORT: new URL(secure.url).port,
  });
  expectTrue((await tlsProbe.end()) === 0, 'app answers its probe under TLS');
  await stop(secure.app);
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'image-test-'));
  const buildah = new Buildah(folder);
  endings.push(() => buildah.remove());
  const images = makeBaseImages(buildah);
  const app = build(buildah, 'app', images);
  expectTrue(app.compressedMb <= MAX_COMPRESSED_MB, `app has at most ${MAX_COMPRESSED_MB} MB compressed`);
  expectTrue(app.diskMb <= MAX_DISK_MB, `app has at most ${MAX_DISK_MB} MB on disk`);
  const nodes = globSync('**/{node,npm,npx,yarn,sh}', { cwd: app.root, exclude: ['proc', 'sys', 'dev'] }).filter(
    (path) => statSync(join(app.root, path)).isFile(),
  );
  expectTrue(
    nodes.join() === 'usr/local/bin/node',
    `app has one Node, and neither npm nor a shell: ${nodes.join(', ')}`,
  );
  await tryApp(folder, app);
  const embedded = build(buildah, 'embedded', images);
  const more = embedded.compressedMb - app.compressedMb;
  expectTrue(more <= MAX_EMBEDDED_MORE_MB, `embedded has at most ${MAX_EMBEDDED_MORE_MB} MB more, compressed`);
  const own = await serve(embedded.root, volume(folder, 'embedded-data'), { SOURCE: 'sample' });
  expectTrue((await stop(own.app)) === 0, 'embedded starts without settings, and ends with 0 at SIGTERM');
  const ops = build(buildah, 'ops', images);
  for (const program of ['psql', 'pg_basebackup', 'pg_receivewal']) {
    expectTrue(existsSync(join(ops.root, 'usr/bin', program)), `ops has ${program}`);
  }
}

const reason = obstacle();
if (reason !== undefined) {
  console.error(`The images cannot be built here: ${reason}.`);
  process.exit(1);
}
try {
  await main();
} catch (error) {
  faults.push(String(error));
  console.error(error);
} finally {
  for (const ending of endings.toReversed()) await ending();
}
console.log(faults.length === 0 ? 'The images are as promised.' : `${faults.length} faults`);
process.exit(faults.length === 0 ? 0 : 1);
