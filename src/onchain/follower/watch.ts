import {
  decoderFor,
  EmptyAnswers,
  isDecodeFailure,
  topic0sOf,
  type Address,
  type ChainEvent,
  type LogDecoder,
  type RawLog,
} from '../core/index.js';
import type { WatchedContract } from '../config/chain-registry.js';
import type { LogFilter } from '../rpc/answers.js';
import type { ContractKey, DeadLog } from '../store/log-rows.js';

/** Decoded logs of an answer. */
export interface DecodedLogs {
  readonly events: readonly ChainEvent[];
  readonly dead: readonly DeadLog[];
}

/** Reading of a set of contracts: the filter of the questions, and the decoder of the answers. */
export class Watch {
  readonly filter: LogFilter;
  readonly keys: ReadonlyMap<Address, readonly ContractKey[]>;
  readonly empty: EmptyAnswers;
  private readonly decode: LogDecoder;

  constructor(contracts: readonly WatchedContract[], maxBatchQuantity: number) {
    const keys = new Map<Address, ContractKey[]>();
    for (const { address, id, stream } of contracts) keys.set(address, [...(keys.get(address) ?? []), { id, stream }]);
    this.keys = keys;
    this.filter = {
      addresses: [...keys.keys()],
      topics: topic0sOf(new Set(contracts.map(({ standard }) => standard))),
    };
    this.empty = new EmptyAnswers(this.filter);
    this.decode = decoderFor(contracts, { maxBatchQuantity });
  }

  /** Decodes checked logs. `timeOf` gives the time of a block, Unix ms, for logs that do not carry it. */
  decoded(logs: readonly RawLog[], timeOf: (block: number) => number | undefined): DecodedLogs {
    const events: ChainEvent[] = [];
    const dead: DeadLog[] = [];
    for (const log of logs) {
      const result = this.decode(log, timeOf(Number(log.blockNumber)));
      if (result === undefined) continue;
      if (!isDecodeFailure(result)) events.push(result);
      else dead.push({ ...placeOf(log), stage: 'decode', code: result.code, detail: result.detail, payload: log });
    }
    return { events, dead };
  }
}

/** Position of a log that passed the checks of its answer. */
function placeOf(log: RawLog): Pick<DeadLog, 'contract' | 'blockNumber' | 'blockHash' | 'logIndex'> {
  return {
    contract: `0x${log.address.slice(2)}`,
    blockNumber: Number(log.blockNumber),
    blockHash: `0x${log.blockHash.slice(2)}`,
    logIndex: Number(log.logIndex),
  };
}
