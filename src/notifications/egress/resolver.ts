import { lookup, Resolver as NameServers } from 'node:dns/promises';
import { Injectable } from '@nestjs/common';

const TIMEOUT_MS = 2_000;

/** Names to addresses. Asks name servers without blocking the few threads that the system's own way would take. */
@Injectable()
export class Resolver {
  private readonly servers = new NameServers({ timeout: TIMEOUT_MS, tries: 2 });

  /** All addresses of a name; fails when there are none. */
  async addresses(name: string): Promise<string[]> {
    // Names without a dot (localhost, containers) are known to the machine itself.
    if (!name.includes('.')) return (await lookup(name, { all: true })).map(({ address }) => address);
    const [four, six] = await Promise.allSettled([this.servers.resolve4(name), this.servers.resolve6(name)]);
    const found = [four, six].flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (found.length === 0) throw Object.assign(new Error('the name has no address'), { code: 'ENOTFOUND' });
    return found;
  }
}
