import { execFileSync } from 'node:child_process';

/** Cores of benches that measure one core: one for the server, the other for all other processes. */
export const SERVER_CORE = 0;
export const CLIENT_CORE = 1;

/** Pins all threads of a process to one core. */
export function pin(pid: number | undefined, core: number): void {
  execFileSync('taskset', ['-a', '-p', '-c', String(core), String(pid)], { stdio: 'ignore' });
}
