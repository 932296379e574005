/**
 * Builds transfers.json.gz, an hour of transfers of two invented collections: `node build-transfers.mjs`. Run by hand when the
 * story changes. The seed decides everything, so every run gives the same bytes; README.md beside this file says where the
 * proportions come from.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const BLOCKS = 1_800;
const ACCOUNTS = 48;
/** Share of the hour after which tokens are burned only, so that the next hour begins with none. */
const MINTS_END = 0.65;
const BURNS_BEGIN = 0.8;
/** Account that stands for the address zero. */
const NOBODY = -1;

/** Numbers from 0 to 1 (mulberry32). */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

const below = (random, count) => Math.floor(random() * count);
/** Few accounts do most: the square prefers low numbers. */
const account = (random) => Math.floor(random() ** 2 * ACCOUNTS);
const another = (random, than) => {
  const found = account(random);
  return found === than ? (found + 1) % ACCOUNTS : found;
};

/** Single transfers: rows of block, transaction, from, to, token. */
function singles(seed) {
  const random = numbers(seed);
  const rows = [];
  const held = [];
  let [tokens, transaction] = [0, 0];
  const add = (block, from, to, token) => rows.push([block, transaction, from, to, token]);
  for (let block = 0; block < BLOCKS; block += 1) {
    const part = block / BLOCKS;
    const left = BLOCKS - 1 - block;
    if (part > BURNS_BEGIN && held.length > 0 && random() < held.length / (left + 1)) {
      const count = Math.ceil(held.length / (left + 1));
      for (const { owner, token } of held.splice(below(random, held.length - count + 1), count))
        add(block, owner, NOBODY, token);
      transaction += 1;
    } else if (part < MINTS_END && random() < 0.25) {
      const owner = account(random);
      // 95 of 100 transactions carry one transfer.
      const count = random() < 0.95 ? 1 : 2 + below(random, 4);
      for (let each = 0; each < count; each += 1) {
        add(block, NOBODY, owner, tokens);
        held.push({ owner, token: tokens });
        tokens += 1;
      }
      transaction += 1;
    } else if (held.length > 0 && random() < 0.15) {
      const moved = held[below(random, held.length)];
      const to = another(random, moved.owner);
      add(block, moved.owner, to, moved.token);
      moved.owner = to;
      transaction += 1;
    }
  }
  return { tokens, rows };
}

/** Batches and stakes: rows of block, transaction, kind, from, to, first token, quantity. */
function batches(seed) {
  const random = numbers(seed);
  const rows = [];
  /** Runs of tokens, each of one owner. */
  const runs = [];
  let [tokens, transaction] = [0, 0];
  const add = (block, kind, from, to, token, quantity) => {
    rows.push([block, transaction, kind, from, to, token, quantity]);
    transaction += 1;
  };
  const free = () => runs.filter(({ staked }) => !staked);
  const unstake = (block, run) => {
    run.staked = false;
    add(block, 'Unstake', run.owner, NOBODY, run.token, 1);
  };
  for (let block = 0; block < BLOCKS; block += 1) {
    const part = block / BLOCKS;
    const left = BLOCKS - 2 - block;
    const isClosing = part > BURNS_BEGIN && runs.length > 0 && random() < runs.length / Math.max(1, left);
    if (isClosing || (left <= runs.length && runs.length > 0)) {
      const [run] = runs.splice(below(random, runs.length), 1);
      if (run.staked) unstake(block, run);
      add(block, 'BatchBurn', run.owner, NOBODY, run.token, run.quantity);
    } else if (part < MINTS_END && random() < 0.06) {
      const [owner, quantity] = [account(random), 1 + below(random, 20)];
      add(block, 'BatchMint', NOBODY, owner, tokens, quantity);
      runs.push({ owner, token: tokens, quantity, staked: false });
      tokens += quantity;
    } else if (part < BURNS_BEGIN && free().length > 0 && random() < 0.08) {
      const run = free()[below(random, free().length)];
      const quantity = 1 + below(random, run.quantity);
      const to = another(random, run.owner);
      add(block, 'BatchTransfer', run.owner, to, run.token, quantity);
      runs.push({ owner: to, token: run.token, quantity, staked: false });
      run.token += quantity;
      run.quantity -= quantity;
      if (run.quantity === 0) runs.splice(runs.indexOf(run), 1);
    } else if (part < BURNS_BEGIN && free().length > 0 && random() < 0.09) {
      const run = free()[below(random, free().length)];
      add(block, 'Stake', run.owner, NOBODY, run.token, 1);
      runs.push({ owner: run.owner, token: run.token, quantity: 1, staked: true });
      run.token += 1;
      run.quantity -= 1;
      if (run.quantity === 0) runs.splice(runs.indexOf(run), 1);
    } else if (random() < 0.03) {
      const staked = runs.filter((run) => run.staked);
      if (staked.length > 0) unstake(block, staked[below(random, staked.length)]);
    }
  }
  if (runs.length > 0) throw new Error('tokens are left at the end of the hour');
  return { tokens, rows };
}

const recording = { blocks: BLOCKS, accounts: ACCOUNTS, singles: singles(721), batches: batches(1_155) };
const packed = gzipSync(JSON.stringify(recording), { level: 9 });
writeFileSync(join(import.meta.dirname, 'transfers.json.gz'), packed);
process.stdout.write(
  `${recording.singles.rows.length} transfers and ${recording.batches.rows.length} batch events, ${packed.length} bytes\n`,
);
