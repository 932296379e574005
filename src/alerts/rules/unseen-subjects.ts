import { Injectable } from '@nestjs/common';
import { PublishedState } from '../../events/index.js';
import {
  EACH_CHAIN,
  locatedConditions,
  type RuleDefinition,
  type RuleFinding,
  isAbsent,
  type NumberCondition,
} from '../core/index.js';

/** Names that are offered in place of one that nobody knows. */
const MOST_OFFERED = 3;

/**
 * Names in a rule of which no value was ever published: the rule waits for one, which is what its owner wants before a
 * protocol or token is listed, and else a slip of the pen that would never wake anybody.
 */
@Injectable()
export class UnseenSubjects {
  constructor(private readonly published: PublishedState) {}

  /** `isRecorded`: whether there are recorded values of a condition's subject, which count too, whatever is published now. */
  warnings(
    rule: Pick<RuleDefinition, 'conditions' | 'where'>,
    isRecorded: (condition: NumberCondition) => boolean = () => false,
  ): RuleFinding[] {
    // Before the values are loaded nothing is known of anybody.
    if (this.published.loadedAt === 0) return [];
    return locatedConditions(rule).flatMap(({ condition, pointer }) => {
      if (condition.metric === 'event') return [];
      if (isRecorded(condition)) return [];
      const { field, detail } = this.unseen(condition) ?? {};
      if (field === undefined || detail === undefined) return [];
      const until = isAbsent(condition)
        ? ` If none comes the rule fires ${condition.absent.minutes} minutes after it was made.`
        : '';
      return [{ pointer: `${pointer}/${field}`, code: 'no_value_yet', detail: `${detail}${until}` }];
    });
  }

  private unseen({ token, protocol, chain }: NumberCondition): { field: string; detail: string } | undefined {
    if (token !== undefined) {
      if (this.published.price(token) !== undefined) return undefined;
      return { field: 'token', detail: `The token ${token} has no price yet${offer(token, this.tokens())}` };
    }
    if (protocol !== undefined) {
      const values = this.published.tvlOf(protocol);
      if (values.length === 0) {
        return {
          field: 'protocol',
          detail: `The protocol ${protocol} has no TVL yet${offer(protocol, this.protocols())}`,
        };
      }
      if (isOpen(chain) || values.some((value) => value.chain === chain)) return undefined;
      const chains = values.map((value) => value.chain).join(', ');
      return { field: 'chain', detail: `${protocol} has no TVL on ${chain} yet, but on: ${chains}.` };
    }
    if (isOpen(chain) || this.hasValues(chain)) return undefined;
    return { field: 'chain', detail: `No protocol has TVL on ${chain} yet.` };
  }

  private hasValues(chain: string): boolean {
    for (const value of this.published.all('tvl')) if (value.chain === chain) return true;
    return false;
  }

  /** Ids with the other names that people call them by. */
  private *tokens(): Iterable<[id: string, ...names: (string | null)[]]> {
    for (const { token, symbol } of this.published.all('price')) if (token !== null) yield [token, symbol];
  }

  private *protocols(): Iterable<[id: string, ...names: (string | null)[]]> {
    for (const slug of this.published.valuedProtocols()) yield [slug, this.published.protocol(slug)?.name ?? null];
  }
}

const isOpen = (chain: string | undefined): chain is undefined | typeof EACH_CHAIN =>
  chain === undefined || chain === EACH_CHAIN;

/** Those whose id or name is the same but for punctuation, before those that only begin so. */
function offer(wanted: string, known: Iterable<[id: string, ...names: (string | null)[]]>): string {
  const bare = bareOf(wanted);
  if (bare === '') return '.';
  const same: string[] = [];
  const longer: string[] = [];
  for (const [id, ...names] of known) {
    const forms = [id, ...names].map((name) => bareOf(name ?? ''));
    if (forms.includes(bare)) same.push(id);
    else if (forms.some((form) => form.startsWith(bare))) longer.push(id);
  }
  const offered = [...same.toSorted(), ...longer.toSorted()].slice(0, MOST_OFFERED);
  return offered.length === 0 ? '.' : `; did you mean ${offered.join(' or ')}?`;
}

const bareOf = (name: string): string => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
