import { expect, test } from 'vitest';
import { HubDrain } from './hub-drain.js';
import { RealtimeHub } from './hub.js';
import {
  caller,
  MemoryLog,
  NO_QUERIES,
  NOTHING_PUBLISHED,
  RecordingLink,
} from '../../../test/support/servers/realtime-parts.js';

function setUp(): { hub: RealtimeHub; enter(keyId: string): RecordingLink } {
  const log = new MemoryLog(100);
  const hub = new RealtimeHub({ recent: log, stored: log, published: NOTHING_PUBLISHED, queries: NO_QUERIES });
  const enter = (keyId: string): RecordingLink => {
    const link = new RecordingLink();
    hub.open(link, { caller: caller({ keyId }), address: '127.0.0.1' });
    return link;
  };
  return { hub, enter };
}

test('a drain notifies all links at once, and closes each link at its own time', () => {
  const { hub, enter } = setUp();
  const [early, late] = [enter('early'), enter('late')];
  const draws = [0.1, 0.9];
  const drain = new HubDrain(hub, 1_000, () => draws.shift() ?? 0);

  expect(drain.step(0)).toBe(2);
  expect(early.named('server_draining')).toEqual([{ reconnectAfterMs: 100, cursor: hub.cursor }]);
  expect(late.named('server_draining')).toEqual([{ reconnectAfterMs: 900, cursor: hub.cursor }]);
  expect(drain.step(99)).toBe(2);

  expect(drain.step(100)).toBe(1);
  expect(early.closed).toEqual({ reason: 'server_draining', cursor: hub.cursor });
  expect(drain.step(900)).toBe(0);
  expect(late.named('server_draining')).toHaveLength(1);
});

test('a link opened during a drain gets the rest of the window, or is closed at once after the window', () => {
  const { hub, enter } = setUp();
  const drain = new HubDrain(hub, 1_000, () => 1);
  drain.step(0);
  const latecomer = enter('latecomer');
  drain.step(600);
  expect(latecomer.named('server_draining')).toEqual([{ reconnectAfterMs: 400, cursor: hub.cursor }]);

  const hurried = enter('hurried');
  expect(drain.step(1_000)).toBe(0);
  expect([hurried.named('server_draining'), hurried.closed?.reason]).toEqual([[], 'server_draining']);
});
