/**
 * Classes of tasks. A `short` task ends within a second, and long tasks always leave a thread free for short ones; a `long`
 * task may take seconds.
 */
export type Lane = 'short' | 'long';

/** Function that runs in a worker thread. Input and output are plain data, which are copied between threads. */
export interface WorkerTask<Input, Output> {
  /** Module that exports the function. Neither it nor its imports may use decorators or application code that needs Nest. */
  readonly file: URL;
  /** Name of the exported function, also its name in metrics. */
  readonly name: string;
  readonly lane: Lane;
  /** Time limit of the task in its thread, ms. */
  readonly timeoutMs: number;
  /** CPU time that one user may spend on this task per minute, ms; further calls are refused. */
  readonly cpuMsPerMinute: number;
  /** Never set; only carries the types of input and output. */
  readonly types?: (input: Input) => Output;
}

/**
 * Describes a task in the file next to its module: `workerTask<In, Out>(import.meta.url, './render-task', 'render', {…})`.
 */
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
