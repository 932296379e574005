import { describe, expect, it } from 'vitest';
import { EPOCH } from '../../../../test/support/data/log-event.js';
import type { RecordingLink } from '../../../../test/support/servers/realtime-parts.js';
import { startHub } from '../../../../test/support/servers/realtime-hub.js';
import { formatCursor } from '../../../events/core/index.js';
import type { PublishedValue } from '../../../events/index.js';
import type { PublishedValues } from './snapshot.js';

describe('a snapshot', () => {
  const valueOf = (fields: Partial<PublishedValue>): PublishedValue => ({
    metric: 'tvl',
    protocol: 'aave-v3',
    chain: 'ethereum',
    token: null,
    value: 100,
    volume24h: null,
    marketCap: null,
    symbol: null,
    name: 'Aave V3',
    category: null,
    source: 'test',
    confidence: 1,
    tags: [],
    observedAt: 1_700_000_000_000,
    seq: 1,
    cursor: formatCursor(EPOCH, 1),
    ...fields,
  });
  const tvls = [valueOf({}), valueOf({ protocol: 'lido', value: 5 }), valueOf({ chain: 'base', value: 7 })];
  const bitcoin = valueOf({ metric: 'price', protocol: null, chain: null, token: 'bitcoin', value: 67_000 });
  const published: PublishedValues = {
    tvlOf: (slug) => tvls.filter(({ protocol }) => protocol === slug),
    price: (token) => (token === 'bitcoin' ? bitcoin : undefined),
    all: (metric) => (metric === 'tvl' ? tvls : [bitcoin]),
  };
  const itemsOf = (link: RecordingLink) =>
    link
      .named('snapshot')
      .flatMap(({ items }) =>
        (items as { chain: string; tvl?: number; price?: number }[]).map((item) => item.tvl ?? item.price),
      );

  it('is sent in parts before live events, with its exact position', async () => {
    const { hub, log, open } = startHub({ published, limits: { snapshotPart: 2 } });
    log.append({});
    const { link, subscribe } = open();
    const answer = await subscribe({ type: 'tvl_changes', snapshot: true });
    expect(answer.snapshot).toEqual({ items: 3, parts: 2, cursor: hub.cursor });
    expect(
      link.named('snapshot').map(({ subscriptionId, part, parts, cursor }) => [subscriptionId, part, parts, cursor]),
    ).toEqual([
      ['s1', 1, 2, hub.cursor],
      ['s1', 2, 2, hub.cursor],
    ]);
    expect(itemsOf(link)).toEqual([100, 5, 7]);
  });

  it('contains only the values that the filter selects', async () => {
    const { open } = startHub({ published });
    const { link, subscribe } = open();
    await subscribe([
      { type: 'protocol', protocol: 'aave-v3', chain: 'base', snapshot: true },
      { type: 'tvl_changes' },
      { type: 'price_changes', token: 'bitcoin', snapshot: true },
    ]);
    expect(itemsOf(link)).toEqual([7, 67_000]);
    expect(link.named('snapshot')).toHaveLength(2);
    await subscribe([
      { type: 'tvl_changes', chain: 'base' },
      { type: 'tvl_changes', chains: ['base'], snapshot: true },
    ]);
    expect(link.named('snapshot')).toHaveLength(3);
  });

  it('is followed by the events that arrived while its parts were sent', async () => {
    const { log, open } = startHub({ published, limits: { snapshotPart: 1 } });
    const { link, subscribe } = open();
    link.buffered = 10_000_000;
    const answer = subscribe({ type: 'tvl_changes', snapshot: true });
    await new Promise(setImmediate);
    log.append({}, {});
    expect(link.seqs).toEqual([]);
    link.buffered = 0;
    await answer;
    expect(link.seqs).toEqual([1, 2]);
  });

  it('is sent after the replay when both are requested', async () => {
    const { log, open } = startHub({ published });
    log.append({}, {});
    const { link, subscribe } = open();
    const answer = await subscribe({ type: 'tvl_changes', snapshot: true, since: formatCursor(EPOCH, 1) });
    expect(answer).toMatchObject({ recovered: true, replayed: 1, snapshot: { cursor: formatCursor(EPOCH, 2) } });
    expect(link.seqs).toEqual([2]);
  });
});
