import { threadCpuUsage } from 'node:process';

/** Returns the processor time that this thread has used, ms. */
export function threadCpuMs(): number {
  const { user, system } = threadCpuUsage();
  return (user + system) / 1_000;
}
