import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressGroup } from './address-group.js';

describe('`addressGroup`', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:0db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['unknown', 'unknown'],
    ['', ''],
  ])('maps %s to %s', (address, group) => expect(addressGroup(address)).toBe(group));

  it('maps all addresses of an IPv6 /64 network to the same name', () => {
    const address = (network: string) => fc.ipV6().map((host) => [network, host]);
    fc.assert(
      fc.property(address('2001:db8:a:b'), fc.integer({ min: 0, max: 0xffff }), ([network], last) => {
        return addressGroup(`${network}::${last.toString(16)}`) === '2001:db8:a:b::/64';
      }),
    );
  });

  it('returns a string for any text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6()), (text) => typeof addressGroup(text) === 'string'),
    );
  });
});
