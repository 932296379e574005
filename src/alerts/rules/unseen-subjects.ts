import { Injectable } from '@nestjs/common';
import { PublishedState } from '../../events/index.js';
import { eachInSlices } from '../../platform/loop/slices.js';
import {
  EACH_CHAIN,
  locatedConditions,
  type RuleDefinition,
  type RuleFinding,
  isAbsent,
  type NumberCondition,
} from '../core/index.js';
import { NearNames } from './near-names.js';

/** Subjects of conditions without a published value, and the names that may be meant. */
interface Unseen {
  readonly tokens: NearNames;
  readonly protocols: NearNames;
  /** Chains on which no protocol has a value. */
  readonly chains: ReadonlySet<string>;
}

/**
 * Warns of names in a rule that have no published value. The rule waits for one, which its owner may intend before a
 * protocol or token is listed; if the name is a typo, the rule would never fire.
 */
@Injectable()
export class UnseenSubjects {
  constructor(private readonly published: PublishedState) {}

  /**
   * Searches the published values in slices, because there may be very many names. `isRecorded`: whether history has
   * values of a condition's subject, so that no warning is needed.
   */
  async warnings(
    rule: Pick<RuleDefinition, 'conditions' | 'where'>,
    isRecorded: (condition: NumberCondition) => boolean = () => false,
  ): Promise<RuleFinding[]> {
    // Until the published values are loaded, every name would be unknown.
    if (this.published.loadedAt === 0) return [];
    const asked = locatedConditions(rule).flatMap(({ condition, pointer }) =>
      condition.metric === 'event' || isRecorded(condition) ? [] : [{ condition, pointer }],
    );
    const unseen = await this.search(asked.map(({ condition }) => condition));
    return asked.flatMap(({ condition, pointer }) => {
      const { field, detail } = this.fault(condition, unseen) ?? {};
      if (field === undefined || detail === undefined) return [];
      const until = isAbsent(condition)
        ? ` If it gets none, the rule fires ${condition.absent.minutes} minutes after its creation.`
        : '';
      return [{ pointer: `${pointer}/${field}`, code: 'no_value_yet', detail: `${detail}${until}` }];
    });
  }

  private async search(conditions: readonly NumberCondition[]): Promise<Unseen> {
    const { published } = this;
    const tokens = new NearNames();
    const protocols = new NearNames();
    const chains = new Set<string>();
    for (const { token, protocol, chain } of conditions) {
      if (token !== undefined) {
        if (published.price(token) === undefined) tokens.want(token);
      } else if (protocol !== undefined) {
        if (published.tvlOf(protocol).length === 0) protocols.want(protocol);
      } else if (!isOpen(chain)) chains.add(chain);
    }
    if (!tokens.isEmpty) {
      await eachInSlices(
        published.all('price'),
        ({ token, symbol }) => token !== null && tokens.compare(token, symbol),
      );
    }
    if (!protocols.isEmpty) {
      await eachInSlices(published.valuedProtocols(), (slug) =>
        protocols.compare(slug, published.protocol(slug)?.name ?? null),
      );
    }
    if (chains.size > 0) {
      await eachInSlices(published.all('tvl'), ({ chain }) => chain !== null && chains.delete(chain));
    }
    return { tokens, protocols, chains };
  }

  private fault(
    { token, protocol, chain }: NumberCondition,
    unseen: Unseen,
  ): { field: string; detail: string } | undefined {
    if (token !== undefined) {
      if (this.published.price(token) !== undefined) return undefined;
      return { field: 'token', detail: `The token ${token} has no price yet${unseen.tokens.offer(token)}` };
    }
    if (protocol !== undefined) {
      const values = this.published.tvlOf(protocol);
      if (values.length === 0) {
        return {
          field: 'protocol',
          detail: `The protocol ${protocol} has no TVL yet${unseen.protocols.offer(protocol)}`,
        };
      }
      if (isOpen(chain) || values.some((value) => value.chain === chain)) return undefined;
      const chains = values.map((value) => value.chain).join(', ');
      return { field: 'chain', detail: `${protocol} has no TVL on ${chain} yet; it has TVL on: ${chains}.` };
    }
    if (isOpen(chain) || !unseen.chains.has(chain)) return undefined;
    return { field: 'chain', detail: `No protocol has TVL on ${chain} yet.` };
  }
}

const isOpen = (chain: string | undefined): chain is undefined | typeof EACH_CHAIN =>
  chain === undefined || chain === EACH_CHAIN;
