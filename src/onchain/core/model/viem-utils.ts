import { createRequire } from 'node:module';

type ViemUtils = typeof import('viem/utils');

let loaded: ViemUtils | undefined;

/**
 * Returns viem's pure functions. The first call loads their hundreds of files, half a second: the start of a process that
 * follows no chain does not wait for them.
 */
export function viemUtils(): ViemUtils {
  return (loaded ??= createRequire(import.meta.url)('viem/utils') as ViemUtils);
}
