import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const MIRROR = 'http://deb.debian.org/debian';
const SUITE = 'trixie';

/** Packages of the base of the images, as Dockerfile names them; `base-files` has the links from /lib to /usr/lib. */
const BASE_PACKAGES = ['base-files', 'libc6', 'libstdc++6', 'ca-certificates', 'tzdata'];

/** Certificates of the authorities that a machine trusts, in Debian. */
const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

/** Image tool without a daemon, with storage of its own in a folder that the caller removes. */
export class Buildah {
  constructor(readonly folder: string) {}

  /** Runs buildah and returns its standard output; `isShown` passes its output on instead. */
  run(args: readonly string[], isShown = false): string {
    const storage = ['--root', join(this.folder, 'root'), '--runroot', join(this.folder, 'runroot')];
    const answer = execFileSync('buildah', [...storage, ...args], {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      stdio: ['ignore', isShown ? 'inherit' : 'pipe', isShown ? 'inherit' : 'pipe'],
    });
    return isShown ? '' : answer.trim();
  }

  /** Ends all containers and removes everything that was built. */
  remove(): void {
    const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
    const own = mounts.map((line) => line.split(' ')[1] ?? '').filter((path) => path.startsWith(`${this.folder}/`));
    for (const path of own.toSorted().toReversed()) execFileSync('umount', [path]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Makes an image of the files that `fill` puts into an empty folder. */
  imageOf(name: string, fill: (folder: string) => void): void {
    const container = this.run(['from', 'scratch']);
    fill(this.run(['mount', container]));
    this.run(['umount', container]);
    this.run(['commit', '--quiet', '--rm', container, name]);
  }
}

/** Makes the two images that the Dockerfile otherwise pulls, from packages of Debian and this machine's Node and npm. */
export function makeBaseImages(buildah: Buildah): { base: string; build: string } {
  const [base, build] = ['localhost/rta-base', 'localhost/rta-build'];
  buildah.imageOf(base, (folder) => debian(folder, 'extract', BASE_PACKAGES));
  buildah.imageOf(build, (folder) => {
    debian(folder, 'minbase', ['ca-certificates']);
    const local = join(folder, 'usr/local');
    copyFileSync(process.execPath, join(local, 'bin/node'));
    mkdirSync(join(local, 'lib/node_modules'), { recursive: true });
    cpSync(npmFolder(), join(local, 'lib/node_modules/npm'), { recursive: true });
    symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin/npm'));
    symlinkSync('../lib/node_modules/npm/bin/npx-cli.js', join(local, 'bin/npx'));
    // The registry of this machine may be behind an authority of its own. This image is thrown away.
    writeFileSync(
      join(folder, AUTHORITIES),
      [AUTHORITIES, process.env['NODE_EXTRA_CA_CERTS'] ?? ''].map(textOf).join('\n'),
    );
    mkdirSync(join(local, 'etc'), { recursive: true });
    writeFileSync(join(local, 'etc/npmrc'), `cafile=${AUTHORITIES}\n`);
  });
  return { base, build };
}

/** Fills a folder with packages of Debian; those of one day are fetched once. */
function debian(folder: string, variant: string, packages: readonly string[]): void {
  const archive = join(tmpdir(), `defi-realtime-${variant}-${new Date().toISOString().slice(0, 10)}.tar`);
  if (!existsSync(archive)) {
    const options = [`--variant=${variant}`, '--mode=root', '--components=main', '--quiet'];
    const draft = archive.replace(/tar$/, 'new.tar');
    execFileSync('mmdebstrap', [...options, `--include=${packages.join(',')}`, SUITE, draft, MIRROR], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    renameSync(draft, archive);
  }
  execFileSync('tar', ['-xf', archive, '-C', folder]);
}

function textOf(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function npmFolder(): string {
  const program = execFileSync('which', ['npm'], { encoding: 'utf8' }).trim();
  return dirname(dirname(realpathSync(program)));
}
