/** Receiver with due messages, and the place that there is for them. */
export interface Claimant {
  readonly receiver: string;
  /** Group, such as a user, that shares `groupRoom` among its receivers. */
  readonly group: string;
  /** Maximum number of messages for the receiver. */
  readonly room: number;
  /** Maximum number of messages for all receivers of the group. */
  readonly groupRoom: number;
}

/**
 * Divides `most` messages among groups, and the share of a group among its receivers, earlier ones first. Returns the number
 * for each receiver that gets some. A group or receiver never gets more than it has room for.
 */
export function messageShares(claimants: readonly Claimant[], most: number): ReadonlyMap<string, number> {
  const groups = Map.groupBy(claimants, ({ group }) => group);
  const ofGroup = Math.max(1, Math.floor(most / Math.max(1, groups.size)));
  const given = new Map<string, number>();
  for (const members of groups.values()) {
    let left = ofGroup;
    const ofReceiver = Math.max(1, Math.floor(ofGroup / members.length));
    for (const { receiver, room, groupRoom } of members) {
      const count = Math.min(room, ofReceiver, left, groupRoom - (ofGroup - left));
      if (count <= 0) continue;
      given.set(receiver, count);
      left -= count;
    }
  }
  return given;
}
