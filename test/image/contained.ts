import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Id of the user and group that the image runs as. */
const USER = '1000';

/**
 * Enters the files of an image as an engine does with `--read-only --cap-drop ALL`: its root is read-only, /data is a volume,
 * /tmp lies in memory, and the process is the image's user. The network is that of this machine.
 */
const ENTER = `set -e
mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"
mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"
mount --bind "$2" "$1/data"; mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
root=$1; shift 2
exec setpriv --no-new-privs chroot --userspec=${USER}:${USER} "$root" /usr/local/bin/node "$@"`;

const COMMAND = '/usr/local/bin/defi-realtime';

/** Command in an image: its process and its output. */
export class Contained {
  output = '';

  private constructor(private readonly child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    }
  }

  /** Starts `defi-realtime <args>`. `root` is where the image is mounted, `data` the volume. */
  static start(root: string, data: string, args: readonly string[], env: Record<string, string> = {}): Contained {
    mkdirSync(join(root, 'dev'), { recursive: true });
    const enter = [
      '--mount',
      '--propagation',
      'private',
      '--pid',
      '--fork',
      '--kill-child',
      '/bin/sh',
      '-c',
      ENTER,
      'sh',
    ];
    return new Contained(
      spawn('/usr/bin/unshare', [...enter, root, data, COMMAND, ...args], {
        env: {
          PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
          NODE_ENV: 'production',
          DATA_DIR: '/data',
          ...env,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Process id of the command as this machine sees it; the image sees 1. */
  get pid(): number {
    return this.child.pid ?? 0;
  }

  async end(): Promise<number | null> {
    if (!this.ended) await once(this.child, 'close');
    return this.child.exitCode;
  }

  kill(): void {
    if (!this.ended) this.child.kill('SIGKILL');
  }
}
