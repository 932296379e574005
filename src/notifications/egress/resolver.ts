import { lookup, Resolver as NameServers } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { HostsFile } from './hosts-file.js';

const TIMEOUT_MS = 2_000;
/** Maximum time that addresses of one family (IPv4, IPv6) wait for those of the other, ms. */
const OTHER_FAMILY_TIMEOUT_MS = 150;
const HOSTS = process.platform === 'win32' ? 'C:\\Windows\\System32\\drivers\\etc\\hosts' : '/etc/hosts';

/**
 * Resolves names in the system's order: hosts file, name servers, other sources of the system (search domains). Name
 * servers are queried without `getaddrinfo`, which would block one of the few threads of libuv.
 */
@Injectable()
export class Resolver {
  private readonly hosts: HostsFile;
  private readonly servers = new NameServers({ timeout: TIMEOUT_MS, tries: 2 });
  /** Look-ups through the system, one at a time, because each may block one of libuv's few threads for seconds. */
  private system: Promise<unknown> = Promise.resolve();

  /** Creates the resolver; `hosts` and `servers` are given only in tests. */
  constructor({ hosts = HOSTS, servers }: { hosts?: string; servers?: readonly string[] } = {}) {
    this.hosts = new HostsFile(hosts);
    if (servers !== undefined) this.servers.setServers(servers);
  }

  /** Returns all addresses of a name; fails if there are none. */
  async addresses(name: string): Promise<string[]> {
    const own = await this.hosts.addresses(name);
    if (own.length > 0) return own;
    // Names without a dot (localhost, containers) are known only to the machine itself.
    const found = name.includes('.') ? await this.ask(name) : [];
    if (found.length > 0) return found;
    const others = await this.askSystem(name);
    if (others.length === 0) throw Object.assign(new Error('the name has no address'), { code: 'ENOTFOUND' });
    return others;
  }

  /**
   * Returns the addresses of the first family that arrives, and those of the other if they arrive soon after: many name
   * servers ignore queries for IPv6.
   */
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
