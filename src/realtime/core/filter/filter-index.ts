import { eventSpec, STEPS, type EventType, type LogEvent } from '../../../events/index.js';
import { passesFinality, stepIndex, type Filter } from './conditions.js';
import { compileFilter, matchesFields, namesOnly } from './filter.js';
import type { Dimension } from './subscription-request.js';

/** For each member of a filter: the part of the index that compares it, or the reason why none does. */
const COMPARED_BY = {
  key: 'groups',
  types: 'a TypeIndex each',
  protocol: 'the values of a TypeIndex, or matchesFields',
  chain: 'the values of a TypeIndex, or matchesFields',
  token: 'the values of a TypeIndex, or matchesFields',
  required: 'the absent of a TypeIndex, or matchesFields',
  stepIndex: 'the steps of a Bucket',
  min: 'the range of a Place',
  max: 'the range of a Place',
  finality: 'the groups found for a type that has it',
  all: 'ownership is checked at delivery',
} satisfies Readonly<Record<keyof Filter, string>>;

/**
 * Throws unless the index compares all given members of filters: otherwise it would deliver events that fail a condition.
 */
export function assertCompared(members: readonly string[]): void {
  const missing = members.find((member) => !Object.hasOwn(COMPARED_BY, member));
  if (missing !== undefined) throw new Error(`The filter index does not compare ${missing}`);
}

assertCompared(Object.keys(compileFilter({ type: 'channel', filter: {} })));

/** Record of a member of the index: its place in each list, so that removing it searches none. */
interface Indexed<Member> {
  readonly filter: Filter;
  group: Group<Member> | undefined;
  /** Index in the group's list of members. */
  memberIndex: number;
}

/** All subscriptions with equal filters. An event is compared with a group once, however many members it has. */
export class Group<Member> {
  readonly members: Member[] = [];
  /** Places of the group in the index: removing the group visits only these. */
  readonly places: Place<Member>[] = [];

  constructor(readonly filter: Filter) {}
}

interface Place<Member> {
  readonly group: Group<Member>;
  readonly bucket: Bucket<Member>;
  readonly list: Place<Member>[];
  at: number;
  /** Range of the group's filter, copied here so that skipping a group by range reads no other object. */
  readonly min: number;
  readonly max: number;
  /**
   * Whether an event found at this place passes the filter's conditions on protocol, token and chain without a further
   * check.
   */
  readonly isSettled: boolean;
}

/**
 * Groups filed under one key, by the step of their threshold: an event that moved n steps is compared with the lists 0 to
 * n.
 */
class Bucket<Member> {
  readonly steps: Place<Member>[][] = Array.from({ length: STEPS.length + 1 }, () => []);
  size = 0;

  /** Creates the bucket; `forget` is called when the last group has been removed. */
  constructor(readonly forget: () => void) {}
}

/**
 * Groups of one event type. A group is filed under the first dimension that its filter names, in order of selectivity;
 * groups whose filter names no dimension are compared with every event of the type.
 */
class TypeIndex<Member> {
  private readonly byValue = new Map<string, Bucket<Member>>();
  /** Groups filed under a dimension that also match events without this dimension. */
  private readonly absent = new Map<Dimension, Bucket<Member>>();
  private readonly rest = new Bucket<Member>(() => {});

  constructor(
    private readonly dimensions: readonly Dimension[],
    readonly hasFinality: boolean,
  ) {}

  add(group: Group<Member>): void {
    const { filter } = group;
    const dimension = this.dimensions.find((name) => filter[name] !== undefined);
    if (dimension === undefined) {
      this.place(group, this.rest, undefined);
      return;
    }
    for (const value of filter[dimension] ?? []) {
      this.place(group, bucketOf(this.byValue, `${dimension}:${value}`), dimension);
    }
    if (!filter.required[dimension]) this.place(group, bucketOf(this.absent, dimension), dimension);
  }

  private place(group: Group<Member>, bucket: Bucket<Member>, dimension: Dimension | undefined): void {
    const { filter } = group;
    const list = bucket.steps[filter.stepIndex];
    if (!list) return;
    bucket.size++;
    const { min = -Infinity, max = Infinity } = filter;
    const isSettled = namesOnly(filter, dimension);
    const place: Place<Member> = { group, bucket, list, at: list.length, min, max, isSettled };
    list.push(place);
    group.places.push(place);
  }

  collect(event: LogEvent, moved: number, into: Group<Member>[]): void {
    read(this.rest, event, moved, into);
    for (const dimension of this.dimensions) {
      const value = event[dimension];
      const bucket = value === null ? this.absent.get(dimension) : this.byValue.get(`${dimension}:${value}`);
      if (bucket) read(bucket, event, moved, into);
    }
  }
}

function bucketOf<Key, Member>(map: Map<Key, Bucket<Member>>, key: Key): Bucket<Member> {
  let bucket = map.get(key);
  if (!bucket) map.set(key, (bucket = new Bucket<Member>(() => map.delete(key))));
  return bucket;
}

function read<Member>(bucket: Bucket<Member>, event: LogEvent, moved: number, into: Group<Member>[]): void {
  // NaN is in no range, not even from -Infinity to Infinity. Ranges do not apply to events without numbers.
  const { previous, current } = event;
  const [before, after] = [previous ?? Number.NaN, current ?? Number.NaN];
  const isRanged = previous !== null || current !== null;
  for (let step = 0; step <= moved; step++) {
    const list = bucket.steps[step];
    if (!list) return;
    for (const place of list) {
      if (isRanged && !isInside(place, before) && !isInside(place, after)) continue;
      if (place.isSettled || matchesFields(place.group.filter, event)) into.push(place.group);
    }
  }
}

function isInside({ min, max }: Place<unknown>, value: number): boolean {
  return value >= min && value <= max;
}

/**
 * Finds the groups whose filter matches an event. Its cost depends on the groups filed under the event's own protocol,
 * token or chain, not on the number of all groups or subscribers. Adding or removing a filter costs only the filter's own
 * keys.
 */
export class FilterIndex<Member extends Indexed<Member>> {
  private readonly groups = new Map<string, Group<Member>>();
  private readonly types = new Map<string, TypeIndex<Member>>();
  private readonly found: Group<Member>[] = [];

  get size(): number {
    return this.groups.size;
  }

  add(subscription: Member): void {
    const { filter } = subscription;
    let group = this.groups.get(filter.key);
    if (!group) {
      group = new Group<Member>(filter);
      this.groups.set(filter.key, group);
      for (const type of filter.types) this.typeIndex(type).add(group);
    }
    subscription.group = group;
    subscription.memberIndex = group.members.length;
    group.members.push(subscription);
  }

  remove(subscription: Member): void {
    const { group } = subscription;
    if (!group) return;
    const last = group.members.pop();
    if (last && last !== subscription) {
      group.members[subscription.memberIndex] = last;
      last.memberIndex = subscription.memberIndex;
    }
    subscription.group = undefined;
    subscription.memberIndex = -1;
    if (group.members.length === 0) this.drop(group);
  }

  /** Returns the groups that match, each once. The array is reused by the next call. */
  match(event: LogEvent): readonly Group<Member>[] {
    this.found.length = 0;
    const moved = event.moved === null ? STEPS.length : stepIndex(event.moved);
    const types = this.types.get(event.type);
    types?.collect(event, moved, this.found);
    return types?.hasFinality === true ? this.found.filter(({ filter }) => passesFinality(filter, event)) : this.found;
  }

  private drop(group: Group<Member>): void {
    this.groups.delete(group.filter.key);
    for (const place of group.places) {
      const last = place.list.pop();
      if (last && last !== place) {
        place.list[place.at] = last;
        last.at = place.at;
      }
      place.bucket.size--;
      if (place.bucket.size === 0) place.bucket.forget();
    }
  }

  private typeIndex(type: EventType): TypeIndex<Member> {
    let index = this.types.get(type);
    if (!index) {
      const { subjects, hasFinality = false } = eventSpec(type);
      this.types.set(type, (index = new TypeIndex(subjects, hasFinality)));
    }
    return index;
  }
}
