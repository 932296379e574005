import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';

/** Names in the machine's hosts file; the file is read again after each change. */
export class HostsFile {
  private names = new Map<string, string[]>();
  private changedAt = -1;

  constructor(private readonly path: string) {}

  /** Returns the addresses of a name; none if the name is unknown or there is no file. */
  async addresses(name: string): Promise<string[]> {
    try {
      const { mtimeMs } = await stat(this.path);
      if (mtimeMs !== this.changedAt) this.names = parseHosts(await readFile(this.path, 'utf8'));
      this.changedAt = mtimeMs;
    } catch {
      this.names = new Map();
      this.changedAt = -1;
    }
    return this.names.get(name.toLowerCase().replace(/\.$/, '')) ?? [];
  }
}

function parseHosts(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = (line.split('#')[0] ?? '').trim().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const name of names) found.set(name.toLowerCase(), [...(found.get(name.toLowerCase()) ?? []), address]);
  }
  return found;
}
