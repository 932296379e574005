/**
 * Entry file of every worker thread: calls one exported function of a module and measures its CPU time. Must run under
 * Node's type stripping, too: only erasable syntax, and no imports of the application's files.
 */
import { setPriority } from 'node:os';
import { threadCpuUsage } from 'node:process';

/** Niceness of worker threads relative to the main thread; a higher value is a lower priority. */
const NICENESS = 10;

export interface TaskCall {
  /** URL of the module. */
  file: string;
  name: string;
  input: unknown;
}

export interface TaskResult {
  output: unknown;
  /** CPU time of the call, ms. */
  cpuMs: number;
  /** Error of the task. It is returned instead of thrown, so that the CPU time is reported, too. */
  fault?: { name: string; message: string; details?: unknown };
}

try {
  // Only Linux has priorities per thread; on other systems this call would change the whole process.
  if (process.platform === 'linux') setPriority(0, NICENESS);
} catch {
  // Without permission the threads keep the default priority.
}

export default async function run({ file, name, input }: TaskCall): Promise<TaskResult> {
  const module = (await import(file)) as Record<string, (value: unknown) => unknown>;
  const work = module[name];
  if (work === undefined) throw new Error(`${name} not found in ${file}`);
  const before = threadCpuUsage();
  const spent = (): number => {
    const { user, system } = threadCpuUsage(before);
    return (user + system) / 1_000;
  };
  try {
    const output = await work(input);
    return { output, cpuMs: spent() };
  } catch (error) {
    return { output: undefined, cpuMs: spent(), fault: faultOf(error) };
  }
}

/** Reads an error by its members: an error from another VM context is not an instance of this context's Error. */
function faultOf(error: unknown): TaskResult['fault'] {
  if (typeof error !== 'object' || error === null) return { name: 'Error', message: String(error) };
  const name = 'name' in error ? String(error.name) : 'Error';
  const message = 'message' in error ? String(error.message) : 'unknown';
  return { name, message, ...('details' in error ? { details: error.details } : {}) };
}
