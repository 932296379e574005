import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, getPriority } from 'node:os';
import { expect, it } from 'vitest';
import { giveWay } from './backend-priority.js';

it('`giveWay` lowers the priority of a process and ignores a process that has ended', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60_000)'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const ended = once(child, 'exit');
  const pid = child.pid ?? 0;
  await giveWay(pid);
  // Greater if the tests themselves run with a lower priority.
  expect(getPriority(pid)).toBeGreaterThanOrEqual(constants.priority.PRIORITY_BELOW_NORMAL);
  child.kill('SIGKILL');
  await ended;
  await expect(giveWay(pid)).resolves.toBeUndefined();
});
