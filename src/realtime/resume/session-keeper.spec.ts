import { describe, expect, it } from 'vitest';
import { testLoops } from '../../../test/support/servers/background-loops.js';
import type { Pods } from '../../platform/redis/pods.js';
import type { RealtimeHub } from '../core/hub.js';
import { SessionKeeper } from './session-keeper.js';
import type { SessionRow, SessionStore } from './session-store.js';

/** Store whose first `failures` calls fail; it records the calls after them. */
function storeThatFails(failures: number): { store: SessionStore; done: string[] } {
  const done: string[] = [];
  const call = async (what: string): Promise<void> => {
    if (failures-- > 0) throw new Error('timeout exceeded when trying to connect');
    done.push(what);
  };
  const store = {
    recordAlive: (pod: string) => call(`alive ${pod}`),
    write: (_: string, rows: readonly SessionRow[]) => call(`write ${rows.map(({ token }) => token).join()}`),
    sweep: async () => {},
  };
  return { store: store as unknown as SessionStore, done };
}

describe('the released connections of a stopping process', () => {
  it.each([0, 1])('are stored after its registration, even if registration failed %i times at start', async (times) => {
    const { store, done } = storeThatFails(times);
    const keeper = new SessionKeeper({} as RealtimeHub, store, { id: 'pod-1' } as Pods, testLoops());
    keeper.onApplicationBootstrap();
    await Promise.resolve();
    keeper.release('first', 'user', 'connection');
    keeper.release('second', 'user', 'connection');
    await keeper.beforeApplicationShutdown();
    expect(done.filter((what) => what.startsWith('write'))).toEqual(['write first,second']);
    expect(done.indexOf('alive pod-1')).toBe(0);
  });
});
