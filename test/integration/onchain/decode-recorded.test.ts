import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  decoderFor,
  isDecodeFailure,
  parseAddress,
  type ChainEvent,
  type RawLog,
  type Standard,
} from '../../../src/onchain/index.js';
import { recordedLogs } from '../../support/chain/recorded-logs.js';

const FIXTURES = new URL('../../fixtures/nft-logs', import.meta.url).pathname;

/** Type of a log, judged by its signature, as block explorers write it, and by its shape only. */
function standardOf({ topics, data }: RawLog): Standard | undefined {
  const [signature = ''] = topics;
  if (signature.startsWith('0xddf252ad')) return topics.length === 4 && data === '0x' ? 'erc721' : 'erc20';
  return /^0x(?:c3d58168|4a39dc06)/.test(signature) ? 'erc1155' : undefined;
}

/** Decodes a log as one of a contract of its own. */
function decoded(log: RawLog, standard: Standard): ChainEvent {
  const address = parseAddress(log.address);
  const contracts = address ? [{ address, standard }] : [];
  const result = decoderFor(contracts, { maxBatchQuantity: 100_000 })(log);
  if (!result || isDecodeFailure(result)) throw new Error(`${JSON.stringify(log)}: ${result?.detail ?? 'not wanted'}`);
  return result;
}

function eventsIn(folder: string): { log: RawLog; standard: Standard; event: ChainEvent }[] {
  return recordedLogs(folder).flatMap((log) => {
    const standard = standardOf(log);
    return standard ? [{ log, standard, event: decoded(log, standard) }] : [];
  });
}

function count(events: ReturnType<typeof eventsIn>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { standard, event } of events) {
    const name = `${standard} ${event.kind}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

describe('recorded logs of Ethereum', () => {
  it('decode, all of them', () => {
    // Counted by another program: 2, 17 and 9 of ERC-721 in the three files, one of ERC-1155, eight of ERC-20 in each.
    expect(count(eventsIn(FIXTURES))).toEqual({
      'erc721 Transfer': 28,
      'erc1155 TransferSingle': 1,
      'erc20 Transfer': 24,
    });
  });

  it('have the transfers that ethereum-etl read in them', () => {
    const file = join(FIXTURES, 'ethereum_blocks_17173049_17173050_token_transfers.jsonl');
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    const theirs = lines.map((line) => {
      const read = JSON.parse(line) as Record<string, unknown>;
      // JSON.parse would round what is above 2^53.
      const value = /"value": (\d+)/.exec(line)?.[1];
      return [
        read['block_number'],
        read['log_index'],
        read['token_address'],
        read['from_address'],
        read['to_address'],
        value,
      ];
    });
    const nobody = `0x${'0'.repeat(40)}`;
    const ours = eventsIn(FIXTURES)
      .filter(({ standard, event }) => standard !== 'erc1155' && event.blockNumber < 18_000_000)
      .map(({ standard, event }) => {
        const value = String(standard === 'erc721' ? event.startTokenId : event.quantity);
        const { blockNumber, logIndex, contract, from, to } = event;
        return [blockNumber, logIndex, contract, from ?? nobody, to ?? nobody, value];
      });
    expect(ours).toHaveLength(17);
    expect(ours).toEqual(theirs);
  });

  it('leave out what is no transfer', () => {
    const others = recordedLogs(FIXTURES).filter((log) => standardOf(log) === undefined);
    const wanted = others.map(({ address }) => parseAddress(address)).filter((address) => address !== undefined);
    const standards: Standard[] = ['batch', 'erc721', 'erc1155', 'erc20'];
    const decoders = standards.map((standard) =>
      decoderFor(
        wanted.map((address) => ({ address, standard })),
        { maxBatchQuantity: 100_000 },
      ),
    );
    expect(others.length).toBeGreaterThan(0);
    expect(others.flatMap((log) => decoders.map((decode) => decode(log))).filter(Boolean)).toEqual([]);
  });

  it.skipIf(!process.env['NFT_LOGS'])(
    'of another folder decode as well, as often as their signature stands in it',
    () => {
      const folder = process.env['NFT_LOGS'] ?? '';
      const text = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
      const events = eventsIn(folder);
      expect(events).toHaveLength(text.join('\n').match(/0x(?:ddf252ad|c3d58168|4a39dc06)[0-9a-f]{56}/g)?.length ?? -1);
      for (const { log, event } of events) {
        const words = [...log.topics.slice(1), ...(log.data.slice(2).match(/.{64}/g) ?? [])].map((word) =>
          BigInt(`0x${word.replace('0x', '')}`),
        );
        const members = [event.from, event.to].map((account) => BigInt(account ?? 0));
        expect(words).toEqual(expect.arrayContaining(members));
      }
    },
  );
});
