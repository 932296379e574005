import type { Session } from './session/session.js';

/** Rooms of a connection, by its subscriptions: channel names, subscription types, `protocol:{slug}[:{chain}]`. */
export function roomsOf(session: Session): Set<string> {
  const rooms = new Set<string>();
  for (const { request } of session.subscriptions.values()) {
    rooms.add(request.type);
    if (request.channel !== undefined) rooms.add(request.channel);
    for (const protocol of request.about?.protocol ?? []) {
      rooms.add(`protocol:${protocol}`);
      for (const chain of request.filter.chains ?? []) rooms.add(`protocol:${protocol}:${chain}`);
    }
  }
  return rooms;
}
