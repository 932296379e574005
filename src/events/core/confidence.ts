/**
 * Effective confidence, which clients receive: `writer × age × outlier`, rounded to three decimals.
 *
 * - writer: the confidence that the writer gave, 0 to 1.
 * - age: 1 up to 15 minutes between observation and publication, then halved every 6 hours.
 * - outlier: 1 for a change of up to 20 %, then `0.2 / |change|`, but at least 0.25: a sudden doubling is more often an
 * error of the source than a fact, but must stay visible.
 */
const MAX_FRESH_AGE_MS = 15 * 60_000;
const HALF_LIFE_MS = 6 * 3_600_000;
const USUAL_CHANGE = 0.2;
const OUTLIER_FLOOR = 0.25;

/**
 * @param writer confidence given by the writer
 * @param ageMs ms from observation to publication; a negative age counts as 0
 * @param changeRatio change as a fraction of the previous value; null if there is no previous value
 */
export function effectiveConfidence(writer: number, ageMs: number, changeRatio: number | null): number {
  const age = ageMs <= MAX_FRESH_AGE_MS ? 1 : 2 ** -((ageMs - MAX_FRESH_AGE_MS) / HALF_LIFE_MS);
  const change = changeRatio === null ? 0 : Math.abs(changeRatio);
  const outlier = change <= USUAL_CHANGE ? 1 : Math.max(OUTLIER_FLOOR, USUAL_CHANGE / change);
  return Math.round(Math.min(1, Math.max(0, writer)) * age * outlier * 1000) / 1000;
}
