import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { RawLog } from '../../../src/onchain/core/index.js';

type Fields = Readonly<Record<string, unknown>>;

/** Line of ethereum-etl's CSV of logs: nine fields, the last of which may be quoted. */
const CSV_LINE = /^\d*,(\d+),(0x\w+),(\d+),(0x\w+),(\d+),(0x\w+),(0x\w*),"?([^"]*)"?$/;

/** Reads the raw logs of every file of a folder. The content decides; a file without logs has none. */
export function recordedLogs(folder: string): RawLog[] {
  return readdirSync(folder)
    .toSorted()
    .flatMap((name) => logsIn(readFileSync(join(folder, name), 'utf8')));
}

function logsIn(text: string): RawLog[] {
  const lines = text.split(/\r?\n/).filter((line) => line !== '');
  const documents = lines.map(parsed).filter((value) => value !== undefined);
  const answer = documents.length === lines.length ? documents : [parsed(text)];
  return [...answer.flatMap(logsOf), ...lines.flatMap(csvLog)];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function logsOf(value: unknown): RawLog[] {
  if (typeof value !== 'object' || value === null) return [];
  const fields = value as Fields;
  if (Array.isArray(fields['result'])) return fields['result'].flatMap(logsOf);
  if (!Array.isArray(fields['topics'])) return [];
  return 'blockHash' in fields ? [value as RawLog] : [ofEtl(fields)];
}

/** Log of ethereum-etl as JSON-RPC gives it. */
function ofEtl(fields: Fields): RawLog {
  const hex = (name: string) => `0x${Number(fields[name]).toString(16)}`;
  return {
    address: fields['address'] as string,
    topics: fields['topics'] as string[],
    data: fields['data'] as string,
    blockNumber: hex('block_number'),
    blockHash: fields['block_hash'] as string,
    transactionHash: fields['transaction_hash'] as string,
    transactionIndex: hex('transaction_index'),
    logIndex: hex('log_index'),
    blockTimestamp: hex('block_timestamp'),
  };
}

function csvLog(line: string): RawLog[] {
  const [, log_index, transaction_hash, transaction_index, block_hash, block_number, address, data, topics] =
    CSV_LINE.exec(line) ?? [];
  if (topics === undefined) return [];
  const fields = { log_index, transaction_hash, transaction_index, block_hash, block_number, address, data };
  // The CSV has no times.
  return [ofEtl({ ...fields, topics: topics.split(','), block_timestamp: 0 })];
}
