/** Refusal, or the end of a connection. */
export class ClientError extends Error {
  override readonly name = 'ClientError';

  constructor(
    /** Stable code: one of the server's, or `closed`, `auth_failed`, `handler_failed`, `unavailable`. */
    readonly code: string,
    message: string,
    /** Whether the client tries again by itself. */
    readonly retryable: boolean,
    /** Time after which a retry makes sense, ms. */
    readonly retryAfterMs = 0,
    cause?: unknown,
  ) {
    super(message, { cause });
  }

  /** Reads an error of the server. */
  static from(body: unknown): ClientError {
    const { code, message, detail, retryable, retryAfterMs } = (body ?? {}) as Record<
      string,
      string | boolean | number | undefined
    >;
    const text = [message, detail].find((given) => typeof given === 'string');
    return new ClientError(
      typeof code === 'string' ? code : 'unavailable',
      text ?? 'The server cannot be reached now.',
      retryable !== false,
      typeof retryAfterMs === 'number' ? retryAfterMs : 0,
    );
  }

  /** Whether another key or token may be accepted. */
  get isOfKey(): boolean {
    return /_api_key$|^api_key_/.test(this.code);
  }
}
