/** Data source that this process runs. It writes the source tables like any other writer. */
export abstract class SourceFeed {
  /** Name of the source in the setting SOURCE. */
  abstract readonly name: string;

  /** Runs until the signal is aborted. If it rejects, it is started again after a pause. */
  abstract run(signal: AbortSignal): Promise<void>;
}
