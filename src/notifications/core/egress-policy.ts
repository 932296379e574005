import { BlockList, isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * Error with the reason why an address is not called. The text is shown to the target's owner and reveals nothing about the
 * network.
 */
export class EgressRefused extends Error {
  override readonly name = 'EgressRefused';

  constructor(
    reason: string,
    /** Whether EGRESS_ALLOW could let it through. */
    readonly liftable = false,
  ) {
    super(reason);
  }
}

const MAX_URL_LENGTH = 2_048;
/** Ports of public https receivers; others belong to other services, such as databases. */
const PUBLIC_PORTS = new Set(['', '443', '8443']);
/** Addresses that are public by their range, but belong to the host service of Azure's machines. */
const HOST_SERVICES = new Set(['168.63.129.16']);
export const LOCAL_NAMES =
  /(?:^|\.)(?:localhost|localdomain|local|internal|intranet|lan|home|corp|svc|home\.arpa|arpa)$/;

/**
 * Policy of the addresses that users' targets may have. Public unicast over https is allowed; addresses in EGRESS_ALLOW are
 * allowed over http and on any port too. A name is judged by the addresses it resolves to, at the moment of the connection.
 */
export class EgressPolicy {
  private readonly allowed = new BlockList();
  private readonly hasExceptions: boolean;

  /**
   * Creates the policy. `blocks` are CIDRs let through although private; `ownHosts` are names of this service, which never calls
   * itself.
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

  /** Returns the normalised address. Throws EgressRefused for faults that are visible without a name server. */
  url(text: string): URL {
    if (text.length > MAX_URL_LENGTH)
      throw new EgressRefused(`the address is longer than ${MAX_URL_LENGTH} characters`);
    if (!URL.canParse(text)) throw new EgressRefused('not a URL');
    const url = new URL(text);
    if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new EgressRefused('only https is allowed');
    if (url.username !== '' || url.password !== '')
      throw new EgressRefused('a user and password are not allowed in the address');
    url.hash = '';
    // Letters of other alphabets grow when they are encoded.
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

  /** Checks an address that a name resolved to, or that a socket is connected to. */
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
    // With exceptions the name may lead to one of them: the address it resolves to is checked when it is called.
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

/** Returns the host as sockets take it: IPv6 without brackets. */
export function hostOf({ hostname }: Pick<URL, 'hostname'>): string {
  return hostname.replace(/^\[|\]$/g, '');
}

function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  // An IPv4 address inside an IPv6 one is judged as the former.
  const plain = ipaddr.process(address);
  if (plain.range() !== 'unicast' || HOST_SERVICES.has(plain.toString())) return false;
  // The only block of global IPv6 addresses; other unicast ones may hide an IPv4 one, as ::127.0.0.1 does.
  return plain.kind() === 'ipv4' || plain.match(ipaddr.parseCIDR('2000::/3'));
}

/** Returns the name without the dots of the root at its end. */
function withoutRoot(host: string): string {
  let end = host.length;
  while (host[end - 1] === '.') end -= 1;
  return host.slice(0, end);
}
