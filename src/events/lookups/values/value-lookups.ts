import { Injectable } from '@nestjs/common';
import { DomainError } from '../../../platform/errors/domain-error.js';
import { inputFault } from '../../../platform/input/faults.js';
import { isoTime } from '../../../platform/input/time.js';
import { isRealChain, nameFault, normaliseToken, totalOverChains } from '../../core/names.js';
import { ChangeReferences } from '../../history/change-references.js';
import { HotCache } from '../../hot-cache/hot-cache.js';
import type { PublishedValue } from '../../hot-cache/published-value.js';
import { ExactRows } from './exact-rows.js';
import type { PriceAnswer, PricesAnswer } from './prices.dto.js';
import { commaList } from '../query-values.js';
import type { ChainTvlAnswer, ProtocolTvlAnswer } from './tvl.dto.js';

const MAX_TOKENS = 100;

/** Reads single values: published ones from the hot cache, exact ones from the rows. */
@Injectable()
export class ValueLookups {
  constructor(
    private readonly cache: HotCache,
    private readonly exactRows: ExactRows,
    private readonly references: ChangeReferences,
  ) {}

  async protocolTvl(protocol: string, exact: boolean): Promise<ProtocolTvlAnswer> {
    const values = await this.tvls(protocol, exact);
    const [first] = values;
    if (!first) throw notFound('TVL of this protocol');
    const total = totalOverChains(values.map((value) => [value.chain ?? '', value.value]));
    const isCounted = countedAmong(values);
    const counted = total === undefined ? values : values.filter(isCounted);
    const newest = counted.reduce((held, value) => (value.seq > held.seq ? value : held));
    return {
      protocol,
      name: first.name,
      category: first.category,
      symbol: first.symbol,
      tvl: total ?? null,
      ...this.references.changes('tvl', protocol, null, total ?? 0),
      confidence: Math.min(...counted.map((value) => value.confidence)),
      observedAt: isoTime(Math.max(...counted.map((value) => value.observedAt))),
      cursor: newest.cursor,
      chains: values.map((value) => this.chainAnswer(value, isCounted(value))),
    };
  }

  async chainTvl(protocol: string, chain: string, exact: boolean): Promise<ChainTvlAnswer> {
    const values = await this.tvls(protocol, exact);
    const value = values.find((held) => held.chain === chain);
    if (!value) throw notFound('TVL of this protocol on this chain');
    return this.chainAnswer(value, countedAmong(values)(value));
  }

  async prices(list: string, exact: boolean): Promise<PricesAnswer> {
    const tokens = [...new Set(commaList(list).map(tokenOf))];
    if (tokens.length === 0) throw notFound('Token in the request');
    if (tokens.length > MAX_TOKENS) {
      throw new DomainError(
        'limit_exceeded',
        `A request must have at most ${MAX_TOKENS} tokens; send several requests.`,
        {
          field: 'tokens',
        },
      );
    }
    const values = exact ? await this.exactPrices(tokens) : await this.cache.prices(tokens);
    const data = values.flatMap((value) => (value ? [this.priceAnswer(value)] : []));
    if (data.length === 0) throw notFound('Prices of these tokens');
    return { data, missing: tokens.filter((_, index) => values[index] === undefined) };
  }

  chainAnswer(value: PublishedValue, counted: boolean): ChainTvlAnswer {
    const { protocol, chain } = value;
    return {
      protocol: protocol ?? '',
      chain: chain ?? '',
      name: value.name,
      category: value.category,
      tvl: value.value,
      ...this.references.changes('tvl', protocol ?? '', chain, value.value),
      counted,
      source: value.source,
      confidence: value.confidence,
      tags: [...value.tags],
      observedAt: isoTime(value.observedAt),
      cursor: value.cursor,
    };
  }

  priceAnswer(value: PublishedValue): PriceAnswer {
    return {
      token: value.token ?? '',
      symbol: value.symbol,
      chain: value.chain,
      price: value.value,
      ...this.references.changes('price', value.token ?? '', null, value.value),
      volume24h: value.volume24h,
      marketCap: value.marketCap,
      source: value.source,
      confidence: value.confidence,
      tags: [...value.tags],
      observedAt: isoTime(value.observedAt),
      cursor: value.cursor,
    };
  }

  /** Returns the values of all chains of a protocol; empty if none are known. */
  private async tvls(protocol: string, exact: boolean): Promise<readonly PublishedValue[]> {
    return exact ? await this.exactRows.tvls(protocol) : ((await this.cache.protocolTvl(protocol))?.chains ?? []);
  }

  private async exactPrices(tokens: readonly string[]): Promise<(PublishedValue | undefined)[]> {
    const rows = await this.exactRows.prices(tokens);
    return tokens.map((token) => rows.get(token));
  }
}

/**
 * Returns the test for values that count towards a protocol's total: those of real chains; that of `all` if there is no real
 * chain.
 */
export function countedAmong(values: readonly PublishedValue[]): (value: PublishedValue) => boolean {
  const real = values.some((value) => isRealChain(value.chain ?? ''));
  return ({ chain }) => (real ? isRealChain(chain ?? '') : chain === 'all');
}

function tokenOf(given: string): string {
  const fault = nameFault('token', given);
  if (fault === undefined) return normaliseToken(given);
  const detail = `Each token ${fault}.`;
  throw inputFault('invalid_request', ':tokens', 'is_name', detail);
}

export function notFound(what: string): DomainError {
  return new DomainError('not_found', `${what} not found.`);
}
