/**
 * Entry of every worker thread: calls one exported function of one module and measures its processor time. Also runs under
 * Node's type stripping: erasable syntax, and no import of the product's own files.
 */
import { setPriority } from 'node:os';
import { threadCpuUsage } from 'node:process';

/** Steps of niceness below the main thread. */
const NICENESS = 10;

export interface TaskCall {
  /** URL of the module. */
  file: string;
  name: string;
  input: unknown;
}

export interface TaskResult {
  output: unknown;
  /** Processor time of the call, milliseconds. */
  cpuMs: number;
  /** Error of the task, returned instead of thrown so that its processor time is known too. */
  fault?: { name: string; message: string; details?: unknown };
}

try {
  // Linux gives each thread a priority of its own; elsewhere this would be the whole process.
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

/** Recognises an error by its shape: one of another context of the virtual machine is no instance of this one's class. */
function faultOf(error: unknown): TaskResult['fault'] {
  if (typeof error !== 'object' || error === null) return { name: 'Error', message: String(error) };
  const name = 'name' in error ? String(error.name) : 'Error';
  const message = 'message' in error ? String(error.message) : 'unknown';
  return { name, message, ...('details' in error ? { details: error.details } : {}) };
}
