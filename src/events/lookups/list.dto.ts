/** Changes in percent, compared with the last value 1 h, 24 h or 7 d ago; null if no value is that old. */
export class ChangesAnswer {
  /** @example 0.42 */
  change1h!: number | null;

  /** @example -1.73 */
  change24h!: number | null;

  /** @example 10.5 */
  change7d!: number | null;
}
