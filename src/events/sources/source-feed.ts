/** A source of data that this process plays or polls: it writes the watched tables as any writer does. */
export abstract class SourceFeed {
  /** The value of the setting SOURCE that chooses it. */
  abstract readonly name: string;

  /** Works until the signal aborts. A rejection means that it could not go on; it is started again after a pause. */
  abstract run(signal: AbortSignal): Promise<void>;
}
