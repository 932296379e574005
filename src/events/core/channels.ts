import { EVENT_TYPES, eventSpec, eventTypesWhere, type EventType, type Subject } from './event-catalogue.js';
import { isDelivered, type LogEvent } from './log-event.js';
import { nameFault } from './names.js';

/** Events that a channel selects: event types, and at most one subject. */
interface ChannelSelection {
  types: readonly EventType[];
  protocol?: string;
  chain?: string;
  token?: string;
}

const FIXED: ReadonlyMap<string, ChannelSelection> = fixedChannels();

function fixedChannels(): Map<string, ChannelSelection> {
  const names = new Set(EVENT_TYPES.flatMap((type) => [eventSpec(type).channel, ...eventSpec(type).alsoIn]));
  const selects = (name: string): readonly EventType[] =>
    eventTypesWhere(({ channel, alsoIn }) => channel === name || alsoIn.includes(name));
  return new Map([...names].map((name) => [name, { types: selects(name) }]));
}

const typesWithChannelOf = (subject: Subject): readonly EventType[] =>
  eventTypesWhere(({ subjectChannels }) => subjectChannels.includes(subject));

const OF_TOKEN = typesWithChannelOf('token');
const OF_PROTOCOL = typesWithChannelOf('protocol');
const OF_CHAIN = typesWithChannelOf('chain');

/** Whether the name is a short name, which the plain WebSocket API uses. */
export function isShortChannel(name: string): boolean {
  return !name.includes(':') && FIXED.has(name);
}

/** Parses the name of a channel, including the short names of plain WebSocket; undefined for any other name. */
export function parseChannel(name: string): ChannelSelection | undefined {
  const fixed = FIXED.get(name);
  if (fixed !== undefined) return fixed;
  if (name.startsWith('events:token:')) return withSubject(OF_TOKEN, 'token', name.slice(13));
  if (name.startsWith('events:protocol:')) return withSubject(OF_PROTOCOL, 'protocol', name.slice(16));
  if (!name.startsWith('events:chain:')) return undefined;
  const [chain = '', kind, ...more] = name.slice(13).split(':');
  if (more.length > 0) return undefined;
  if (kind === undefined) return withSubject(OF_CHAIN, 'chain', chain);
  const types = eventTypesWhere(({ chainPart }) => chainPart === kind);
  return types.length === 0 ? undefined : withSubject(types, 'chain', chain);
}

/** Accepts any spelling of a name, such as `OP Mainnet`; undefined if no data can have the name. */
function withSubject(types: readonly EventType[], field: Subject, value: string): ChannelSelection | undefined {
  return nameFault(field, value) === undefined ? { types, [field]: value } : undefined;
}

/** Returns the full names of all channels of an event; empty for internal rows. */
export function channelsOf(event: LogEvent): string[] {
  if (!isDelivered(event)) return [];
  const { channel, subjectChannels, chainPart } = eventSpec(event.type);
  const names: string[] = [channel];
  for (const subject of subjectChannels) {
    const value = event[subject];
    if (value === null) continue;
    names.push(`events:${subject}:${value}`);
    if (subject === 'chain' && chainPart !== null) names.push(`events:chain:${value}:${chainPart}`);
  }
  return names;
}
