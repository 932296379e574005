import { describe, expect, it } from 'vitest';
import { EVENT_KINDS, parseAddress, parseHash, parseQuantity } from '../index.js';

describe('hexadecimal text', () => {
  it('folds addresses and hashes to lower case', () => {
    expect(parseAddress('0xD8dA6BF26964aF9D7eEd9e03E53415D37aA96045')).toBe(
      '0xd8da6bf26964af9d7eed9e03e53415d37aa96045',
    );
    expect(parseAddress(`0X${'A'.repeat(40)}`)).toBe(`0x${'a'.repeat(40)}`);
    expect(parseHash(`0x${'AB'.repeat(32)}`)).toBe(`0x${'ab'.repeat(32)}`);
  });

  it.each([undefined, null, 7, '', '0x', `0x${'g'.repeat(40)}`, `0x${'a'.repeat(41)}`, 'a'.repeat(42), ['0x']])(
    'takes %j neither for an address nor for a hash',
    (value) => {
      expect(parseAddress(value)).toBeUndefined();
      expect(parseHash(value)).toBeUndefined();
    },
  );

  it('reads quantities up to their bound', () => {
    expect(parseQuantity('0x0')).toBe(0);
    expect(parseQuantity('0x001B4')).toBe(436);
    expect(parseQuantity('0x1fffffffffffff')).toBe(Number.MAX_SAFE_INTEGER);
    expect(parseQuantity('0x20000000000000')).toBeUndefined();
    expect(parseQuantity('0x100', 255)).toBeUndefined();
  });

  it.each([undefined, null, 7, '', '0x', '7', '-0x1', '0x1.5', '0x1g', `0x${'0'.repeat(17)}`, ' 0x1'])(
    'takes %j for no quantity',
    (value) => expect(parseQuantity(value)).toBeUndefined(),
  );

  it('has each kind of event once', () => {
    expect([...EVENT_KINDS].sort()).toEqual([
      'BatchBurn',
      'BatchMint',
      'BatchTransfer',
      'ConsecutiveTransfer',
      'Stake',
      'Transfer',
      'TransferBatch',
      'TransferSingle',
      'Unstake',
    ]);
  });
});
