import { BlockList, isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * Error with the reason why a URL is not called. The owner of the target sees the text, which reveals nothing about the
 * network.
 */
export class EgressRefused extends Error {
  override readonly name = 'EgressRefused';

  constructor(
    reason: string,
    /** Whether a setting in EGRESS_ALLOW could permit the address. */
    readonly liftable = false,
  ) {
    super(reason);
  }
}

const MAX_URL_LENGTH = 2_048;
/** Ports of public https receivers; other ports may belong to other services, such as databases. */
const PUBLIC_PORTS = new Set(['', '443', '8443']);
/** Addresses in a public range that belong to the host service of Azure's virtual machines. */
const HOST_SERVICES = new Set(['168.63.129.16']);
export const LOCAL_NAMES =
  /(?:^|\.)(?:localhost|localdomain|local|internal|intranet|lan|home|corp|svc|home\.arpa|arpa)$/;

/**
 * Policy for the URLs of users' targets. Public unicast addresses are allowed over https; addresses in EGRESS_ALLOW are
 * also allowed over http and on any port. A host name is checked by the addresses to which it resolves when the
 * connection is opened.
 */
export class EgressPolicy {
  private readonly allowed = new BlockList();
  private readonly hasExceptions: boolean;

  /**
   * Creates the policy. `blocks` are CIDR blocks of private addresses that are allowed; `ownHosts` are names of this
   * service, which must not call itself.
   */
  constructor(
    blocks: readonly string[],
    private readonly ownHosts: readonly string[] = [],
  ) {
    this.hasExceptions = blocks.length > 0;
    for (const block of blocks) {
      const [address = '', bits] = block.split('/');
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
      this.allowed.addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family);
    }
  }

  /** Returns the normalised URL. Throws EgressRefused for faults that can be found without a DNS look-up. */
  url(text: string): URL {
    if (text.length > MAX_URL_LENGTH)
      throw new EgressRefused(`the address is longer than ${MAX_URL_LENGTH} characters`);
    if (!URL.canParse(text)) throw new EgressRefused('not a URL');
    const url = new URL(text);
    if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new EgressRefused('only https is allowed');
    if (url.username !== '' || url.password !== '')
      throw new EgressRefused('a user and password are not allowed in the address');
    url.hash = '';
    // Checked again, because percent-encoding of non-ASCII letters makes a URL longer.
    if (url.href.length > MAX_URL_LENGTH)
      throw new EgressRefused(`the address is longer than ${MAX_URL_LENGTH} characters`);
    const host = hostOf(url);
    if (isIP(host) !== 0) {
      this.checkAddress(host, url);
    } else {
      this.checkName(host, url);
    }
    return url;
  }

  /** Checks an address to which a name resolved, or to which a socket is connected. */
  checkAddress(address: string, url: Pick<URL, 'protocol' | 'port'>): void {
    if (this.excepted(address)) return;
    if (!isPublic(address)) throw new EgressRefused('the address is not public', true);
    this.checkPublic(url);
  }

  allows(address: string, url: Pick<URL, 'protocol' | 'port'>): boolean {
    try {
      this.checkAddress(address, url);
      return true;
    } catch {
      return false;
    }
  }

  private checkName(host: string, url: URL): void {
    if (this.ownHosts.includes(withoutRoot(host))) throw new EgressRefused('the name is that of this service');
    // With EGRESS_ALLOW any name may resolve to an allowed address, which is checked when the connection is opened.
    if (this.hasExceptions) return;
    const name = withoutRoot(host);
    if (!name.includes('.') || LOCAL_NAMES.test(name)) throw new EgressRefused('the name is not public', true);
    this.checkPublic(url);
  }

  private checkPublic(url: Pick<URL, 'protocol' | 'port'>): void {
    if (url.protocol !== 'https:') throw new EgressRefused('only https is allowed', true);
    if (!PUBLIC_PORTS.has(url.port)) throw new EgressRefused('only the ports 443 and 8443 are allowed', true);
  }

  private excepted(address: string): boolean {
    if (!this.hasExceptions || isIP(address) === 0) return false;
    const plain = ipaddr.process(address).toString();
    return this.allowed.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4');
  }
}

/** Returns the host in the form for sockets: IPv6 without brackets. */
export function hostOf({ hostname }: Pick<URL, 'hostname'>): string {
  return hostname.replace(/^\[|\]$/g, '');
}

function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  // An IPv4 address embedded in an IPv6 address is checked as IPv4.
  const plain = ipaddr.process(address);
  if (plain.range() !== 'unicast' || HOST_SERVICES.has(plain.toString())) return false;
  // 2000::/3 is the only block of global IPv6 addresses; other unicast addresses may embed an IPv4 address, as
  // ::127.0.0.1 does.
  return plain.kind() === 'ipv4' || plain.match(ipaddr.parseCIDR('2000::/3'));
}

/** Returns the name without trailing dots, which denote the DNS root. */
function withoutRoot(host: string): string {
  let end = host.length;
  while (host[end - 1] === '.') end -= 1;
  return host.slice(0, end);
}
