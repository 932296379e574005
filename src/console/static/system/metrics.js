const LINE = /^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (\S+)$/i;
const LABEL = /(?:^|,)([a-z_]\w*)="((?:[^"\\]|\\.)*)"/giy;

/** Reads the metrics of the process that answers: samples by name, each with labels and a value. */
export async function readMetrics(signal) {
  const answer = await fetch('/metrics', { signal });
  if (!answer.ok) throw new Error(`The metrics are not available here: the server answered ${answer.status}`);
  const samples = new Map();
  for (const line of (await answer.text()).split('\n')) {
    const [, name, labels = '', value] = LINE.exec(line) ?? [];
    if (!name) continue;
    if (!samples.has(name)) samples.set(name, []);
    samples.get(name).push({ labels: labelsOf(labels), value: Number(value) });
  }
  return samples;
}

const labelsOf = (text) => Object.fromEntries([...text.matchAll(LABEL)].map(([, name, value]) => [name, value]));

export const sumOf = (samples, name) => (samples.get(name) ?? []).reduce((sum, { value }) => sum + value, 0);

/** Value of the sample with these labels; undefined if there is none. */
export function valueOf(samples, name, wanted = {}) {
  const fits = ({ labels }) => Object.entries(wanted).every(([label, value]) => labels[label] === value);
  return samples.get(name)?.find(fits)?.value;
}

/** Buckets of a histogram, `{ to, count }` each, not cumulative; `to` in seconds, Infinity for the last one. */
export function bucketsOf(samples, name) {
  const byBound = new Map();
  for (const { labels, value } of samples.get(`${name}_bucket`) ?? []) {
    const bound = labels.le === '+Inf' ? Infinity : Number(labels.le);
    byBound.set(bound, (byBound.get(bound) ?? 0) + value);
  }
  let below = 0;
  return [...byBound]
    .toSorted(([a], [b]) => a - b)
    .map(([to, total]) => {
      const bucket = { to, count: total - below };
      below = total;
      return bucket;
    });
}

/** Upper bound of the bucket in which this share of the values lies, seconds; NaN without values. */
export function quantile(buckets, share) {
  const total = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  let seen = 0;
  for (const bucket of buckets) {
    seen += bucket.count;
    if (total > 0 && seen >= share * total) return bucket.to;
  }
  return Number.NaN;
}
