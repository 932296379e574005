import { describe, expect, it } from 'vitest';
import { parseStreamBody, parseStreamQuery } from './parse-sse.js';

const parse = (query: string, lastEventId?: string) => parseStreamQuery(new URLSearchParams(query), lastEventId);
const channels = (query: string) => parse(query).requests.map(({ channel }) => channel);

describe('`parseStreamQuery`', () => {
  it('accepts comma-separated and repeated lists', () => {
    const { requests } = parse(
      'channels=events:tvl,events:prices&protocols=Aave-V3&protocols=curve&chains=xdai&threshold=5e-2',
    );
    expect(requests).toMatchObject([{ channel: 'events:tvl' }, { channel: 'events:prices' }]);
    expect(requests[0]?.filter).toEqual({ protocols: ['aave-v3', 'curve'], chains: ['gnosis'], threshold: 0.05 });
  });

  it('chooses default channels by the filters if no channels are given', () => {
    expect(channels('')).toEqual(['events:tvl', 'events:prices', 'events:protocols']);
    expect(channels('tokens=bitcoin')).toEqual(['events:prices']);
    expect(channels('protocols=curve')).toEqual(['events:tvl', 'events:protocols']);
    expect(channels('protocols=curve&tokens=bitcoin')).toHaveLength(3);
  });

  it('prefers `Last-Event-ID` to `since`, even if the header is not a cursor', () => {
    const since = 'ab-00000000001';
    expect(parse(`since=${since}`).options).toEqual({ since });
    expect(parse(`since=${since}`, 'ab-00000000002').options).toEqual({ since: 'ab-00000000002' });
    expect(parse('', 'rubbish').options).toEqual({ since: 'rubbish' });
    expect(parse('', '').options).toEqual({});
  });

  it.each(['lastEventId', 'last_event_id'])(
    'reads %s like the `Last-Event-ID` header and prefers the header',
    (name) => {
      const [old, since] = ['ab-00000000001', 'ab-00000000002'];
      expect(parse(`since=${old}&${name}=${since}`).options).toEqual({ since });
      expect(parse(`${name}=${old}`, since).options).toEqual({ since });
      expect(parse(`${name}=${old}`, '').options).toEqual({ since: old });
      expect(parse(`${name}=`).options).toEqual({});
      expect(parse(`${name}=${old}&${name}=${since}`).options).toEqual({ since });
    },
  );

  it('accepts `all=true` to request the events of all users', () => {
    expect(parse('channels=events:alerts&all=true').requests).toMatchObject([{ all: true }]);
    expect(parse('channels=events:alerts').requests[0]).not.toHaveProperty('all');
  });

  it('ignores the API key', () => {
    expect(parse('apiKey=rta_x&snapshot=true&mode=latest&intervalMs=500').options).toEqual({
      snapshot: true,
      mode: 'latest',
      intervalMs: 500,
    });
  });

  it.each([
    ['nonsense=1', 'nonsense'],
    ['channels=', 'channels/0'],
    ['channels=nonsense', 'channels/0'],
    ['threshold=NaN', 'threshold'],
    ['threshold=0x10', 'threshold'],
    ['threshold=', 'threshold'],
    ['threshold=1&threshold=2', 'threshold'],
    ['minValue=Infinity', 'minValue'],
    ['minValue=-1', 'minValue'],
    ['snapshot=maybe', 'snapshot'],
    ['all=maybe', 'all'],
    ['mode=fast', 'mode'],
    ['intervalMs=1000.5', 'intervalMs'],
    ['query={}&intervalMs=1000.5', 'intervalMs'],
    ['since=rubbish', 'since'],
    ['channels=events:tvl&eventTypes=price_change', 'eventTypes'],
    ['protocols=curve&eventTypes=price_change', 'eventTypes'],
    ['__proto__=1', '__proto__'],
    [`tokens=${'x'.repeat(161)}`, 'tokens/0'],
  ])('refuses %s and names the parameter', (query, field) => {
    const errors = [expect.objectContaining({ pointer: `?${field}` })];
    expect(() => parse(query)).toThrow(expect.objectContaining({ code: 'invalid_request', field, errors }));
  });

  it('resolves names in channels like names in filters', () => {
    expect(parse('channels=events:chain:op mainnet:tvl').requests).toMatchObject([{ about: { chain: ['optimism'] } }]);
  });

  it('accepts event types if the channels produce at least one of them', () => {
    expect(parse('channels=events:tvl,events:prices&eventTypes=price_change,alert').requests).toHaveLength(2);
    expect(() => parse('channels=events:tvl&eventTypes=price_change')).toThrow(
      'eventTypes must have at least one of tvl_change',
    );
  });

  it('needs linear time for many parameters', () => {
    // A search through all names for each of them would take minutes, and the test would time out.
    const query = Array.from({ length: 200_000 }, (_, n) => `x${n.toString(36)}`).join('&');
    expect(() => parse(query)).toThrow(expect.objectContaining({ code: 'invalid_request', field: 'x0' }));
  });
});

describe('`parseStreamBody`', () => {
  const parseBody = (body: unknown, query = '') => parseStreamBody(body, new URLSearchParams(query), undefined);

  it('treats a field like the query parameter with the same name', () => {
    const query = 'channels=events:tvl&protocols=Aave-V3,curve&threshold=0.05&snapshot=true&since=ab-00000000001';
    const body = {
      channels: ['events:tvl'],
      protocols: ['Aave-V3', 'curve'],
      threshold: 0.05,
      snapshot: true,
      since: 'ab-00000000001',
    };
    expect(parseBody(body)).toEqual(parse(query));
    expect(parseBody({})).toEqual(parse(''));
    expect(parseBody({ query: { dataset: 'tvl' } })).toEqual(parse('query={"dataset":"tvl"}'));
  });

  it('accepts up to 5,000 tokens, more than fit in a URL', () => {
    const tokens = Array.from({ length: 5_000 }, (_, n) => `ethereum:0x${n.toString(16).padStart(40, '0')}`);
    expect(parseBody({ tokens }).requests[0]?.filter.tokens).toHaveLength(5_000);
    expect(() => parseBody({ tokens: [...tokens, 'bitcoin'] })).toThrow('tokens must be a list of 1 to 5000 names');
  });

  it('allows only the key and the position as query parameters', () => {
    expect(parseBody({ since: 'ab-00000000001' }, 'apiKey=rta_x&lastEventId=ab-00000000002').options).toEqual({
      since: 'ab-00000000002',
    });
    expect(() => parseBody({}, 'channels=events:tvl')).toThrow('channels must be in the body');
  });

  it.each([null, [], 'text', 7, { nonsense: 1 }, { tokens: 'bitcoin' }, { threshold: '1' }, { snapshot: 'true' }])(
    'refuses the body %j',
    (body) => expect(() => parseBody(body)).toThrow(expect.objectContaining({ code: 'invalid_request' })),
  );
});
