import { execFileSync } from 'node:child_process';

/** Benches that speak of one core give it to the server and the other to everybody else. */
export const SERVER_CORE = 0;
export const CLIENT_CORE = 1;

/** Keeps all threads of a process on one core. */
export function pin(pid: number | undefined, core: number): void {
  execFileSync('taskset', ['-a', '-p', '-c', String(core), String(pid)], { stdio: 'ignore' });
}
