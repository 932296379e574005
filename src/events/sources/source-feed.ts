/** Source of data that this process plays or polls: it writes the watched tables as any writer does. */
export abstract class SourceFeed {
  /** Value of the setting SOURCE that chooses it. */
  abstract readonly name: string;

  /** Works until the signal aborts. After a rejection it is started again, following a pause. */
  abstract run(signal: AbortSignal): Promise<void>;
}
