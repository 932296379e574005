import type { AbiEvent } from 'viem';
import { EVENT_FORMS, STANDARDS, type EventForm, type EventKind, type Standard } from '../model/event-forms.js';
import { parseHash, type Hash } from '../model/hex.js';
import { keccak } from '../model/keccak.js';

/** Topics of a log after the first. */
const MAX_INDEXED = 3;

/** One way in which an event may be logged: so many of its arguments are topics. */
export interface EventVariant {
  readonly form: EventForm;
  /** ABI of the event, with these arguments indexed. */
  readonly abi: AbiEvent;
  /** Topic that holds each argument, from 1; 0 for an argument in the data. */
  readonly topics: readonly number[];
}

/** Hash of the event's signature, which `indexed` does not change. */
function topic0Of(form: EventForm): Hash {
  const signature = `${form.kind}(${form.args.map(({ type }) => type).join(',')})`;
  const hash = parseHash(`0x${Buffer.from(keccak(signature)).toString('hex')}`);
  if (!hash) throw new Error(`no selector of ${form.kind}`);
  return hash;
}

function variantsOf(form: EventForm): EventVariant[] {
  const most = Math.min(MAX_INDEXED, form.indexed.length);
  return Array.from({ length: most + 1 }, (_, count) => {
    const indexed = form.indexed.slice(0, count).toSorted((a, b) => a - b);
    const topics = form.args.map((_argument, position) => indexed.indexOf(position) + 1);
    const inputs = form.args.map(({ name, type }, position) => ({ name, type, indexed: indexed.includes(position) }));
    return { form, topics, abi: { type: 'event', name: form.kind, inputs } };
  });
}

/** Event of a standard: its kind, and its variants by the number of indexed arguments. */
export interface EventVariants {
  readonly kind: EventKind;
  readonly byIndexed: readonly EventVariant[];
}

let variants: ReadonlyMap<Standard, ReadonlyMap<Hash, EventVariants>> | undefined;

/** Returns the events of each standard by topic0, which is computed by the first call and written nowhere. */
export function eventVariants(): ReadonlyMap<Standard, ReadonlyMap<Hash, EventVariants>> {
  return (variants ??= new Map(
    STANDARDS.map((standard) => {
      const forms = EVENT_FORMS.filter((form) => form.standard === standard);
      const byTopic = forms.map((form): [Hash, EventVariants] => [
        topic0Of(form),
        { kind: form.kind, byIndexed: variantsOf(form) },
      ]);
      return [standard, new Map(byTopic)];
    }),
  ));
}

/** First topics of all events of these standards, each once: the filter of `eth_getLogs`. */
export function topic0sOf(standards: Iterable<Standard>): Hash[] {
  const topics = [...standards].flatMap((standard) => [...(eventVariants().get(standard)?.keys() ?? [])]);
  return [...new Set(topics)];
}
