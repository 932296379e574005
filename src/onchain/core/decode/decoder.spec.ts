import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WRITTEN_EVENTS, rawLog, readByViem } from '../../../../test/support/chain/raw-logs.js';
import { decoderFor, isDecodeFailure, topic0sOf, type ChainEvent, type RawLog } from '../index.js';

const CONTRACT = `0x${'c0'.repeat(20)}` as const;
const MOST = 100_000n;
const HIGHEST = 2n ** 256n - 1n;

const address = fc.oneof(
  fc.constant(`0x${'0'.repeat(40)}`),
  fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => `0x${Buffer.from(bytes).toString('hex')}`),
);
const number = fc.oneof(fc.bigInt(0n, 200_000n), fc.bigInt(0n, HIGHEST), fc.constant(HIGHEST));
const argument = (text: string): fc.Arbitrary<unknown> => {
  if (text.startsWith('address')) return address;
  return text.startsWith('uint256[]') ? fc.array(number, { maxLength: 6 }) : number;
};

const variants = WRITTEN_EVENTS.flatMap((event) =>
  Array.from({ length: event.indexed.length + 1 }, (_, count) => ({
    event,
    count,
    name: `${event.standard} ${event.kind} with ${count} indexed arguments`,
  })),
);
type Variant = (typeof variants)[number];

const logOf = ({ event, count }: Variant) =>
  fc.tuple(...event.args.split(', ').map(argument)).map((args) => rawLog(CONTRACT, event, count, args));

const decode = (log: RawLog, { event }: Variant) =>
  decoderFor([{ address: CONTRACT, standard: event.standard }], { maxBatchQuantity: Number(MOST) })(log);

type Members = Pick<
  ChainEvent,
  'kind' | 'from' | 'to' | 'staker' | 'startTokenId' | 'quantity' | 'tokenIds' | 'quantities'
>;

interface Failed {
  code: string;
}

/** Says plainly what an event must be, from what viem read. */
function expected(read: Readonly<Record<string, unknown>>, { event }: Variant): Members | Failed {
  const account = (name: string) => {
    const text = read[name] as `0x${string}` | undefined;
    return !text || BigInt(text) === 0n ? null : (text.toLowerCase() as `0x${string}`);
  };
  const amount = (name: string) => read[name] as bigint;
  const none: Members = {
    kind: event.kind,
    from: account('from'),
    to: account('to'),
    staker: null,
    startTokenId: null,
    quantity: null,
    tokenIds: null,
    quantities: null,
  };
  const range = (startTokenId: bigint, quantity: bigint): Members | Failed => {
    if (quantity > MOST) return { code: 'batch_too_large' };
    return startTokenId + quantity > HIGHEST + 1n ? { code: 'token_id_overflow' } : { ...none, startTokenId, quantity };
  };
  switch (event.kind) {
    case 'BatchMint':
    case 'BatchBurn':
    case 'BatchTransfer':
      return range(amount('startTokenId'), amount('quantity'));
    case 'Stake':
    case 'Unstake': {
      const staker = account('account');
      return { ...none, from: staker, staker, startTokenId: amount('tokenId'), quantity: 1n };
    }
    case 'ConsecutiveTransfer': {
      if (amount('toTokenId') < amount('fromTokenId')) return { code: 'backward_range' };
      const found = range(amount('fromTokenId'), amount('toTokenId') - amount('fromTokenId') + 1n);
      return 'code' in found ? found : { ...found, from: account('fromAddress'), to: account('toAddress') };
    }
    case 'TransferSingle':
      return { ...none, startTokenId: amount('id'), quantity: amount('value') };
    case 'TransferBatch': {
      const [tokenIds, quantities] = [read['ids'] as bigint[], read['values'] as bigint[]];
      return tokenIds.length === quantities.length ? { ...none, tokenIds, quantities } : { code: 'unequal_lists' };
    }
    default:
      return event.standard === 'erc20'
        ? { ...none, startTokenId: 0n, quantity: amount('value') }
        : { ...none, startTokenId: amount('tokenId'), quantity: 1n };
  }
}

describe('the decoder', () => {
  it.each(variants)('reads $name as viem does', (variant) => {
    fc.assert(
      fc.property(logOf(variant), (log) => {
        const wanted = expected(readByViem(log, variant.event, variant.count), variant);
        expect(decode(log, variant)).toMatchObject(wanted);
      }),
    );
  });

  it.each(variants)('refuses $name once it is damaged, or agrees with viem', (variant) => {
    const digit = fc.constantFrom('0', '1', '9', 'a', 'f', 'F', 'g', ' ', '\n', '\u00a0');
    const damaged = fc
      .tuple(logOf(variant), fc.nat(), fc.nat(), digit, fc.boolean())
      .map(([log, where, at, by, cut]) => {
        const damage = (text: string) => {
          const from = 2 + (at % (text.length - 1));
          return cut ? text.slice(0, from) : text.slice(0, from) + by + text.slice(from + 1);
        };
        const place = where % (log.topics.length + 1);
        if (place === 0 || log.topics.length === 1) return { ...log, data: damage(log.data) };
        return { ...log, topics: log.topics.map((topic, position) => (position === place ? damage(topic) : topic)) };
      });
    fc.assert(
      fc.property(damaged, (log) => {
        const found = decode(log, variant);
        if (!found || isDecodeFailure(found)) return;
        expect(found).toMatchObject(expected(readByViem(log, variant.event, variant.count), variant));
      }),
    );
  });

  it('reads where and when the log stands, and folds hashes and addresses', () => {
    const [variant] = variants;
    const log = rawLog(CONTRACT, variant!.event, 1, [`0x${'ab'.repeat(20)}`, 7n, 3n]);
    const upper = (text: string) => `0x${text.slice(2).toUpperCase()}`;
    const blockHash = upper(log.blockHash);
    const shouted = { ...log, address: upper(log.address), topics: log.topics.map(upper), blockHash };
    const event: ChainEvent = {
      contract: CONTRACT,
      kind: 'BatchMint',
      blockNumber: 16,
      blockHash: `0x${'b1'.repeat(32)}`,
      transactionHash: `0x${'7a'.repeat(32)}`,
      transactionIndex: 3,
      logIndex: 5,
      at: 0x64000000 * 1000,
      from: null,
      to: `0x${'ab'.repeat(20)}`,
      staker: null,
      startTokenId: 7n,
      quantity: 3n,
      tokenIds: null,
      quantities: null,
    };
    expect(decode(shouted, variant!)).toEqual(event);
    const decoder = decoderFor([{ address: CONTRACT, standard: 'batch' }], { maxBatchQuantity: 10 });
    expect(decoder(log, 1234)).toEqual({ ...event, at: 1234 });
    expect(decoder({ ...log, blockNumber: '0x11' }, 1234)).toMatchObject({ blockNumber: 17 });
  });

  it('leaves out logs of other contracts and events of other standards', () => {
    const events = (standard: string) => variants.filter(({ event }) => event.standard === standard);
    const [transfer] = events('erc1155');
    const log = rawLog(CONTRACT, transfer!.event, 3, [CONTRACT, CONTRACT, CONTRACT, 1n, 1n]);
    expect(decode(log, events('erc721')[0]!)).toBeUndefined();
    expect(decode({ ...log, address: `0x${'11'.repeat(20)}` }, transfer!)).toBeUndefined();
    expect(decode({ ...log, topics: [] }, transfer!)).toBeUndefined();
  });

  it('computes the topics that Ethereum knows', () => {
    expect(topic0sOf(['erc721', 'erc1155', 'erc20'])).toEqual([
      '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef',
      '0xdeaa91b6123d068f5821d0fb0678463d1a8a6079fe8af5de3ce5e896dcf9133d',
      '0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62',
      '0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb',
    ]);
    expect(topic0sOf(['batch'])).toHaveLength(5);
  });
});
