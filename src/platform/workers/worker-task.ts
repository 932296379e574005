/**
 * Lanes of the pool. `short` work ends within a second and always finds a thread that long work does not hold; `long` work may
 * take seconds.
 */
export type Lane = 'short' | 'long';

/** Function that runs in a worker thread. Input and output are plain data: they are copied on the way. */
export interface WorkerTask<Input, Output> {
  /** Module that exports the function; all its imports must be free of decorators and of the application. */
  readonly file: URL;
  /** Name of the exported function, also its name in metrics. */
  readonly name: string;
  readonly lane: Lane;
  /** Time limit of the task in its thread, ms. */
  readonly timeoutMs: number;
  /** Processor time that one user may spend on this task per minute, ms; beyond it the task is refused. */
  readonly cpuMsPerMinute: number;
  /** Never set; binds the types of input and output to the task. */
  readonly types?: (input: Input) => Output;
}

/** Describes a task beside its module: `workerTask<In, Out>(import.meta.url, './render-task', 'render', {…})`. */
export function workerTask<Input, Output>(
  besideUrl: string,
  module: string,
  name: string,
  limits: Pick<WorkerTask<Input, Output>, 'lane' | 'timeoutMs' | 'cpuMsPerMinute'>,
): WorkerTask<Input, Output> {
  // Extension: TypeScript under the test runner, JavaScript when built.
  const extension = besideUrl.endsWith('.ts') ? '.ts' : '.js';
  return { file: new URL(`${module}${extension}`, besideUrl), name, ...limits };
}
