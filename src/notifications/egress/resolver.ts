import { lookup, Resolver as NameServers } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { HostsFile } from './hosts-file.js';

const TIMEOUT_MS = 2_000;
/** Maximum wait of the addresses of one family for those of the other, ms. */
const OTHER_FAMILY_TIMEOUT_MS = 150;
const HOSTS = process.platform === 'win32' ? 'C:\\Windows\\System32\\drivers\\etc\\hosts' : '/etc/hosts';

/**
 * Resolver of names, in the system's order: the hosts file, then name servers, then other sources of the system (search domains).
 * Name servers are asked without blocking the few threads of the system's own way.
 */
@Injectable()
export class Resolver {
  private readonly hosts: HostsFile;
  private readonly servers = new NameServers({ timeout: TIMEOUT_MS, tries: 2 });
  /** System's own look-ups, one at a time: each may hold one of the few threads for seconds. */
  private system: Promise<unknown> = Promise.resolve();

  /** Creates the resolver; `hosts` and `servers` differ from the system's in tests only. */
  constructor({ hosts = HOSTS, servers }: { hosts?: string; servers?: readonly string[] } = {}) {
    this.hosts = new HostsFile(hosts);
    if (servers !== undefined) this.servers.setServers(servers);
  }

  /** Returns all addresses of a name; fails if there are none. */
  async addresses(name: string): Promise<string[]> {
    const own = await this.hosts.addresses(name);
    if (own.length > 0) return own;
    // Names without a dot (localhost, containers) are known to the machine itself.
    const found = name.includes('.') ? await this.ask(name) : [];
    if (found.length > 0) return found;
    const others = await this.askSystem(name);
    if (others.length === 0) throw Object.assign(new Error('the name has no address'), { code: 'ENOTFOUND' });
    return others;
  }

  /** Returns the first family that arrives, and the other one if it comes soon: many name servers drop questions for IPv6. */
  private async ask(name: string): Promise<string[]> {
    const four = this.servers.resolve4(name).catch((): string[] => []);
    const six = this.servers.resolve6(name).catch((): string[] => []);
    const first = await Promise.race([four, six]);
    if (first.length === 0) return (await Promise.all([four, six])).flat();
    const soon = sleep(OTHER_FAMILY_TIMEOUT_MS, [] as string[], { ref: false });
    const [a, b] = await Promise.all([Promise.race([four, soon]), Promise.race([six, soon])]);
    return [...a, ...b];
  }

  private askSystem(name: string): Promise<string[]> {
    const asked = this.system.then(() => systemAddresses(name));
    this.system = asked;
    return asked;
  }
}

async function systemAddresses(name: string): Promise<string[]> {
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address);
  } catch {
    return [];
  }
}
