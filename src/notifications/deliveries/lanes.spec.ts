import { describe, expect, it } from 'vitest';
import { CHANNEL_NAMES } from '../core/channels/catalogue.js';
import type { JobQueue } from '../../platform/queue/job-queue.js';
import { LANES, Lanes, type Job, type JobData } from './lanes.js';

/** Queues that record the ids of their deliveries and jobs. */
function memoryQueues(names: readonly string[]) {
  const taken = new Map<string, string[]>();
  const jobIds = new Set<string>();
  const queues = names.map((name) => ({
    name,
    addBulk: (jobs: { data: JobData; opts: { jobId: string } }[]) => {
      for (const { opts } of jobs) jobIds.add(opts.jobId);
      taken.set(name, [...(taken.get(name) ?? []), ...jobs.map(({ data }) => data.id)]);
      return Promise.resolve([]);
    },
  }));
  const open = (): Lanes => new Lanes(queues as unknown as JobQueue<JobData>[]);
  return { taken, jobIds, lanes: open(), others: open() };
}

const job = (fields: Pick<Job, 'id' | 'channel' | 'slow'>): Job => ({
  ...fields,
  priority: 'normal',
  attempts: 0,
  receiver: 'r',
  user: 'u',
});
const jobs = CHANNEL_NAMES.flatMap((channel) =>
  [false, true].map((slow) => job({ id: `${channel} ${slow ? 'slow' : 'main'}`, channel, slow })),
);

describe('delivery lanes', () => {
  it('queue every delivery once, in the main or slow lane of its channel', async () => {
    const { taken, lanes } = memoryQueues(LANES.map(({ name }) => name));
    expect(await lanes.put(jobs)).toBe(true);
    expect([...taken.values()].flat().sort()).toEqual(jobs.map(({ id }) => id).sort());
    for (const { channel, lane, name } of LANES) expect(taken.get(name)).toContain(`${channel} ${lane}`);
  });

  it('put deliveries to failing targets in the main lane if a channel has no slow lane', async () => {
    const { taken, lanes } = memoryQueues(LANES.map(({ name }) => name));
    await lanes.put(jobs);
    expect(taken.get('deliver-email')).toEqual(['email main', 'email slow']);
    expect(taken.get('deliver-webhook-slow')).toEqual(['webhook slow']);
  });

  it('have one job for an attempt, whichever process announces it', async () => {
    const { jobIds, lanes, others } = memoryQueues(LANES.map(({ name }) => name));
    for (const each of [lanes, others, lanes]) await each.put(jobs);
    expect(jobIds.size).toBe(jobs.length);
  });

  it('report when a delivery has no queue', async () => {
    const { lanes } = memoryQueues(LANES.map(({ name }) => name).slice(1));
    expect(await lanes.put(jobs)).toBe(false);
  });
});
