import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { eventVariants, ZERO_ADDRESS, type Address, type EventKind, type Hash, type Standard } from '../core/index.js';

/** File of build-transfers.mjs. Accounts are numbers, -1 the address zero; blocks count from the start of the recording. */
interface Recording {
  /** Blocks of the recording, after which it begins anew with other tokens. */
  readonly blocks: number;
  readonly accounts: number;
  readonly singles: {
    readonly tokens: number;
    readonly rows: readonly (readonly [block: number, tx: number, from: number, to: number, token: number])[];
  };
  readonly batches: {
    readonly tokens: number;
    readonly rows: readonly (readonly [
      block: number,
      tx: number,
      kind: EventKind,
      from: number,
      to: number,
      token: number,
      quantity: number,
    ])[];
  };
}

/** Log of the sample chain without its place in a block. */
export interface SampleLog {
  readonly address: Address;
  readonly topics: readonly Hash[];
  readonly data: `0x${string}`;
  readonly transactionHash: Hash;
}

export interface SampleContract {
  readonly address: Address;
  readonly standard: Standard;
}

/** Recorded event; token ids count from 0 in every pass. */
interface Event {
  readonly tx: number;
  readonly kind: EventKind;
  readonly from: number;
  readonly to: number;
  readonly token: number;
  readonly quantity: number;
}

/** Recording of one contract. */
interface Track extends SampleContract {
  /** Blocks by which its passes begin later than those of the other contract, so that one always has tokens. */
  readonly shift: number;
  /** Tokens of a pass. */
  readonly tokens: number;
  readonly byBlock: ReadonlyMap<number, readonly Event[]>;
}

const NOBODY = -1;

/** Transfers of the sample chain: the recorded hour, over and over, with other tokens in each pass. */
export class SampleRecording {
  private readonly tracks: readonly Track[];
  private readonly accounts: readonly Address[];
  private readonly blocks: number;
  private readonly signatures = new Map<string, Hash>();

  /** Reads the recording: two milliseconds. */
  constructor() {
    const packed = readFileSync(join(import.meta.dirname, 'transfers.json.gz'));
    const { blocks, accounts, singles, batches } = JSON.parse(gunzipSync(packed).toString('utf8')) as Recording;
    this.blocks = blocks;
    this.accounts = Array.from({ length: accounts }, (_, at) => addressOf(`account ${at}`));
    const transfers = singles.rows.map(([block, tx, from, to, token]): [number, Event] => [
      block,
      { tx, kind: 'Transfer', from, to, token, quantity: 1 },
    ]);
    const runs = batches.rows.map(([block, tx, kind, from, to, token, quantity]): [number, Event] => [
      block,
      { tx, kind, from, to, token, quantity },
    ]);
    this.tracks = [
      { ...contractOf('erc721'), shift: 0, tokens: singles.tokens, byBlock: grouped(transfers) },
      { ...contractOf('batch'), shift: blocks / 2, tokens: batches.tokens, byBlock: grouped(runs) },
    ];
  }

  /** Returns the contracts, each with the block at which the pass of a block began: before it the pass has no tokens. */
  contractsAt(block: number): (SampleContract & { readonly fromBlock: number })[] {
    return this.tracks.map(({ address, standard, shift }) => {
      const offset = (block - shift) % this.blocks;
      return { address, standard, fromBlock: block - offset };
    });
  }

  /** Returns the logs of a block. */
  logsOf(block: number): SampleLog[] {
    return this.tracks.flatMap((track) => {
      const since = block - track.shift;
      const pass = Math.floor(since / this.blocks);
      return (track.byBlock.get(since % this.blocks) ?? []).map((event) => this.logOf(track, event, pass));
    });
  }

  private logOf({ address, standard, tokens }: Track, event: Event, pass: number): SampleLog {
    const { kind, tx, quantity } = event;
    const signature = this.signatureOf(standard, kind);
    const transactionHash = hashOf(`transaction ${address} ${pass} ${tx}`);
    const token = wordOf(BigInt(pass * tokens + event.token));
    const [from, to] = [this.wordOfAccount(event.from), this.wordOfAccount(event.to)];
    const indexed = [from, to, token];
    if (kind === 'Transfer') return { address, topics: [signature, ...indexed], data: '0x', transactionHash };
    // Contracts of batches index nothing, as the one whose events these are.
    const accounts = [event.from === NOBODY ? [] : [from], event.to === NOBODY ? [] : [to]].flat();
    const isStake = kind === 'Stake' || kind === 'Unstake';
    const words = [...accounts, token, ...(isStake ? [] : [wordOf(BigInt(quantity))])];
    return { address, topics: [signature], data: `0x${words.map((word) => word.slice(2)).join('')}`, transactionHash };
  }

  private signatureOf(standard: Standard, kind: EventKind): Hash {
    const key = `${standard} ${kind}`;
    const known = this.signatures.get(key);
    if (known !== undefined) return known;
    const found = [...(eventVariants().get(standard) ?? [])].find(([, event]) => event.kind === kind);
    if (found === undefined) throw new Error(`the standard ${standard} has no event ${kind}`);
    this.signatures.set(key, found[0]);
    return found[0];
  }

  private wordOfAccount(account: number): Hash {
    const address = account === NOBODY ? ZERO_ADDRESS : (this.accounts[account] ?? ZERO_ADDRESS);
    return `0x${address.slice(2).padStart(64, '0')}`;
  }
}

/** Hash of a text, for identities that need only be stable. */
export const hashOf = (text: string): Hash => `0x${createHash('sha256').update(`sample ${text}`).digest('hex')}`;

const addressOf = (text: string): Address => `0x${hashOf(text).slice(2, 42)}`;
const contractOf = (standard: Standard): SampleContract => ({ address: addressOf(`contract ${standard}`), standard });
const wordOf = (value: bigint): Hash => `0x${value.toString(16).padStart(64, '0')}`;

function grouped(events: readonly (readonly [number, Event])[]): ReadonlyMap<number, readonly Event[]> {
  const byBlock = new Map<number, Event[]>();
  for (const [block, event] of events) {
    const known = byBlock.get(block);
    if (known === undefined) byBlock.set(block, [event]);
    else known.push(event);
  }
  return byBlock;
}
