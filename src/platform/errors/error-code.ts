/** Returns the code of an error, such as ENOENT or an SQLSTATE; empty if it has none that is text. */
export function errorCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : '';
}
