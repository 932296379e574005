import type { Attack } from './attack.js';
import { CROWD_ATTACKS } from './crowds.js';
import { REQUEST_ATTACKS } from './requests.js';
import { SHAPE_ATTACKS } from './shapes.js';
import { SOCKET_ATTACKS } from './sockets.js';
import { USER_ATTACKS } from './users.js';

export * from './attack.js';
export * from './bystander.js';

/** All attacks, ordered by name. */
export const ATTACKS: readonly Attack[] = [
  ...REQUEST_ATTACKS,
  ...SOCKET_ATTACKS,
  ...USER_ATTACKS,
  ...SHAPE_ATTACKS,
  ...CROWD_ATTACKS,
].toSorted((a, b) => Number(a.name.slice(1)) - Number(b.name.slice(1)));
