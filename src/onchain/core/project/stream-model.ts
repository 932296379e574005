import type { ChainEvent } from '../model/chain-event.js';
import type { Standard } from '../model/event-forms.js';
import type { Address } from '../model/hex.js';
import type { ContractRates, PointRates } from '../points/rates.js';

/** Contract of a stream as it is configured. */
export interface StreamContract {
  readonly id: number;
  readonly address: Address;
  readonly standard: Standard;
  /** Contract of the tokens that are staked here; null: its own. */
  readonly token: Address | null;
}

/** Contract whose tokens or balances are projected. */
export interface TokenContract {
  readonly id: number;
  readonly address: Address;
  readonly standard: Standard;
  readonly rates: ContractRates;
  /** Contracts to which a token may move in the transaction that stakes it. */
  readonly custodians: ReadonlySet<Address>;
  /** Whether amounts are projected, by account, instead of owners. */
  readonly isFungible: boolean;
}

/** Contracts of one stream, by the addresses that their events carry. */
export class StreamModel {
  readonly ids: readonly number[];
  private readonly own = new Map<Address, TokenContract>();
  private readonly staked = new Map<Address, TokenContract>();

  constructor(chain: string, contracts: readonly StreamContract[], rates: PointRates) {
    this.ids = contracts.map(({ id }) => id);
    for (const { id, address, standard } of contracts) {
      this.own.set(address, {
        id,
        address,
        standard,
        rates: rates.of(chain, address, standard),
        custodians: new Set(
          contracts.filter((other) => (other.token ?? other.address) === address).map((c) => c.address),
        ),
        isFungible: standard === 'erc1155' || standard === 'erc20',
      });
    }
    for (const { address, token } of contracts) {
      const tokens = this.own.get(token ?? address) ?? this.own.get(address);
      if (tokens !== undefined) this.staked.set(address, tokens);
    }
  }

  /** Contract whose rows an event changes; undefined if the event's contract is not part of the stream. */
  contractOf({ contract, kind }: ChainEvent): TokenContract | undefined {
    return kind === 'Stake' || kind === 'Unstake' ? this.staked.get(contract) : this.own.get(contract);
  }

  /** Contract of the rows with that number. */
  byId(id: number): TokenContract | undefined {
    return [...this.own.values()].find((contract) => contract.id === id);
  }
}
