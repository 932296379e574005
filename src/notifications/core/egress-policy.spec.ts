import { describe, expect, it } from 'vitest';
import { EgressPolicy, EgressRefused } from './egress-policy.js';

const strict = new EgressPolicy([], ['alerts.example.org']);

/** URLs that a hostile user may register. All are refused without a DNS look-up. */
const REFUSED = [
  ['loopback', 'https://127.0.0.1/'],
  ['loopback, decimal', 'https://2130706433/'],
  ['loopback, hex', 'https://0x7f000001/'],
  ['loopback, hex parts', 'https://0x7f.0x0.0x0.0x1/'],
  ['loopback, octal', 'https://0177.0.0.1/'],
  ['loopback, octal whole', 'https://017700000001/'],
  ['loopback, short', 'https://127.1/'],
  ['loopback, full width', 'https://１２７.０.０.１/'],
  ['loopback, circled digits', 'https://①②⑦.⓪.⓪.①/'],
  ['loopback, trailing dot', 'https://127.0.0.1./'],
  ['loopback, another address of the block', 'https://127.255.255.254/'],
  ['loopback, IPv6', 'https://[::1]/'],
  ['loopback, IPv6 written out', 'https://[0:0:0:0:0:0:0:1]/'],
  ['IPv4 mapped into IPv6', 'https://[::ffff:127.0.0.1]/'],
  ['IPv4 mapped, hex', 'https://[::ffff:7f00:1]/'],
  ['IPv4 compatible', 'https://[::127.0.0.1]/'],
  ['NAT64', 'https://[64:ff9b::7f00:1]/'],
  ['NAT64 local', 'https://[64:ff9b:1::a00:1]/'],
  ['6to4', 'https://[2002:7f00:1::]/'],
  ['Teredo', 'https://[2001:0:7f00:1::]/'],
  ['unspecified', 'https://0.0.0.0/'],
  ['unspecified, zero', 'https://0/'],
  ['unspecified, IPv6', 'https://[::]/'],
  ['private 10', 'https://10.0.0.5/'],
  ['private 172', 'https://172.16.31.1/'],
  ['private 192', 'https://192.168.1.1/'],
  ['carrier-grade NAT', 'https://100.64.0.1/'],
  ['link-local metadata', 'https://169.254.169.254/latest/meta-data/'],
  ['metadata, decimal', 'https://2852039166/'],
  ['metadata, IPv6', 'https://[fd00:ec2::254]/'],
  ['metadata by name', 'https://metadata.google.internal/computeMetadata/v1/'],
  ['metadata by name, trailing dot', 'https://metadata.google.internal./'],
  ['Azure host service', 'https://168.63.129.16/'],
  ['Azure host service, mapped', 'https://[::ffff:168.63.129.16]/'],
  ['link-local, IPv6', 'https://[fe80::1]/'],
  ['unique local', 'https://[fc00::1]/'],
  ['multicast', 'https://224.0.0.1/'],
  ['multicast, IPv6', 'https://[ff02::1]/'],
  ['broadcast', 'https://255.255.255.255/'],
  ['benchmark network', 'https://198.18.0.1/'],
  ['documentation network', 'https://192.0.2.1/'],
  ['protocol assignment network', 'https://192.0.0.1/'],
  ['reserved network', 'https://240.0.0.1/'],
  ['segment routing network', 'https://[5f00::1]/'],
  ['localhost', 'https://localhost/'],
  ['localhost, trailing dot', 'https://localhost./'],
  ['localhost, sub-domain', 'https://anything.localhost/'],
  ['localhost, upper case', 'https://LOCALHOST/'],
  ['single label', 'https://redis/'],
  ['cluster suffix', 'https://api.default.svc.cluster.local/'],
  ['host name of this server', 'https://alerts.example.org/'],
  ['host name of this server, trailing dot', 'https://ALERTS.example.org./'],
  ['user and password', 'https://user:pw@example.com/'],
  ['user that looks like a host', 'https://example.com@127.0.0.1/'],
  ['plain http', 'http://example.com/'],
  ['port of a database', 'https://example.com:5432/'],
  ['port 80 over TLS', 'https://example.com:80/'],
  ['`file:` URL', 'file:///etc/passwd'],
  ['`gopher:` URL', 'gopher://127.0.0.1:6379/_FLUSHALL'],
  ['`data:` URL', 'data:text/plain,hi'],
  ['`javascript:` URL', 'javascript:alert(1)'],
  ['localhost, circled letters', 'https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/'],
  ['loopback, ideographic full stops', 'https://127。0。0。1/'],
  ['loopback, octal and hex mixed', 'https://0177.0.0.0x1/'],
  ['metadata, short form', 'https://169.254.43518/'],
  ['metadata, full width', 'https://１６９.254.169.254/'],
  ['metadata by name, full width', 'https://ｍｅｔａｄａｔａ.google.internal/'],
  ['metadata, mapped', 'https://[::ffff:a9fe:a9fe]/'],
  ['metadata, NAT64', 'https://[64:ff9b::169.254.169.254]/'],
  ['metadata, 6to4', 'https://[2002:a9fe:a9fe::1]/'],
  ['IPv4 translated into IPv6', 'https://[::ffff:0:127.0.0.1]/'],
  ['6to4 relays', 'https://192.88.99.1/'],
  ['site-local', 'https://[fec0::1]/'],
  ['discard-only network, IPv6', 'https://[100::1]/'],
  ['documentation network, IPv6', 'https://[2001:db8::1]/'],
  ['documentation network, IPv6, second block', 'https://[3fff::1]/'],
  ['private, mapped, other port', 'https://[::ffff:192.168.0.1]:8443/'],
  ['cluster service', 'https://kubernetes.default.svc/'],
  ['host that looks like a user', 'https://127.0.0.1:443@example.com/'],
  ['port zero', 'https://example.com:0/'],
  ['zone id', 'https://[fe80::1%25eth0]/'],
  ['text without a URL', 'not a url'],
  ['line break in the host', 'https://exa\nmple.internal/'],
  ['too long', `https://example.com/${'a'.repeat(2_050)}`],
] as const;

describe('URLs given by users', () => {
  it.each(REFUSED)('are refused: %s', (_, address) => {
    expect(() => strict.url(address)).toThrow(EgressRefused);
  });

  it.each([
    ['public name', 'https://hooks.example.com/alerts?x=1'],
    ['public name, other port', 'https://hooks.example.com:8443/'],
    ['public name in Punycode', 'https://xn--mnchen-3ya.example.com/'],
    ['public IPv4', 'https://93.184.216.34/'],
    ['public IPv6', 'https://[2606:2800:220:1:248:1893:25c8:1946]/'],
  ])('are accepted: %s', (_, address) => {
    expect(strict.url(address).href).toBe(address);
  });

  it('lose their fragment', () => {
    expect(strict.url('https://example.com/a#b').href).toBe('https://example.com/a');
  });

  it('may use private hosts, plain HTTP and any port only in ranges allowed by the operator', () => {
    const lenient = new EgressPolicy(['127.0.0.0/8', 'fd00::/8', '10.1.2.3']);
    expect(lenient.url('http://127.0.0.1:9000/x').href).toBe('http://127.0.0.1:9000/x');
    expect(lenient.url('http://[fd00::1]:8080/').href).toBe('http://[fd00::1]:8080/');
    expect(lenient.url('http://10.1.2.3/').href).toBe('http://10.1.2.3/');
    expect(lenient.url('http://[::ffff:127.0.0.1]/').hostname).toBe('[::ffff:7f00:1]');
    expect(() => lenient.url('http://10.1.2.4/')).toThrow('not public');
    expect(() => lenient.url('http://93.184.216.34/')).toThrow('only https');
    expect(() => lenient.url('https://93.184.216.34:22/')).toThrow('ports');
    // A name is checked by the addresses to which it resolves.
    expect(() => lenient.url('http://receiver.intranet:8080/')).not.toThrow();
    expect(lenient.allows('127.0.0.9', { protocol: 'http:', port: '1' })).toBe(true);
    expect(lenient.allows('93.184.216.34', { protocol: 'http:', port: '1' })).toBe(false);
  });
});

it('a URL is refused if its percent-encoded form is longer than 2048 characters', () => {
  for (const letter of ['ü', '漢', '😀']) {
    expect(() => strict.url(`https://example.com/${letter.repeat(700)}`)).toThrow('longer than 2048');
  }
  expect(strict.url(`https://example.com/${'ü'.repeat(300)}`).href).toHaveLength(20 + 1_800);
});
