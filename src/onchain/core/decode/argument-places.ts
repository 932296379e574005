import type { RawLog } from '../model/block.js';
import type { ArgumentRole } from '../model/event-forms.js';
import { ZERO_ADDRESS, type Address } from '../model/hex.js';
import type { EventVariant } from './event-variants.js';
import { WORD_DIGITS, addressAt, addressOfTopic, numberAt, numberOfTopic } from './hex-words.js';

/** Digits begin after `0x`. */
const FIRST_DIGIT = 2;

/** Where an argument is read: in a topic, or in the data from character `at` on if `topic` is 0. */
export interface Place {
  readonly topic: number;
  readonly at: number;
}

export interface Places {
  readonly places: Readonly<Partial<Record<ArgumentRole, Place>>>;
  /** Characters of the shortest data: `0x` and one word for each argument that is no topic. */
  readonly dataLength: number;
}

/** Computes where each argument of a variant is. */
export function placesOf(variant: EventVariant): Places {
  const places: Partial<Record<ArgumentRole, Place>> = {};
  let at = FIRST_DIGIT;
  for (const [position, { role }] of variant.form.args.entries()) {
    const topic = variant.topics[position] ?? 0;
    places[role] = { topic, at };
    if (!topic) at += WORD_DIGITS;
  }
  return { places, dataLength: at };
}

/** Reads an address; null for the zero address or an event without the argument, `undefined` for no address. */
export function readAddress(place: Place | undefined, log: RawLog): Address | null | undefined {
  if (!place) return null;
  const address = place.topic ? addressOfTopic(log.topics[place.topic] ?? '') : addressAt(log.data, place.at);
  return address === ZERO_ADDRESS ? null : address;
}

/** Reads a number; `undefined` for no number, or for an event without the argument. */
export function readNumber(place: Place | undefined, log: RawLog): bigint | undefined {
  if (!place) return undefined;
  return place.topic ? numberOfTopic(log.topics[place.topic] ?? '') : numberAt(log.data, place.at);
}
