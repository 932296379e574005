import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WindowLoader } from '../../src/alerts/evaluation/window-loader.js';
import type { Address, Hash } from '../../src/onchain/index.js';
import { startAnvil, type Anvil } from '../support/chain/anvil.js';
import { PlainClient, type Message } from '../support/clients/plain-client.js';
import { RestCaller } from '../support/clients/rest-caller.js';
import { editsApplied, shardsReady } from '../support/servers/alert-shards.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { quietFor, waitFor } from '../support/wait-for.js';

const DAY_MS = 86_400_000n;

/** Returns the id of an event as a message carries it. */
const eventIdOf = (message: Message | undefined): unknown =>
  (message?.['data'] as { eventId?: string } | undefined)?.eventId ?? message?.['eventId'];

/** A real chain, a real contract and the whole application: what a staker, a trader and an operator see. */
describe('a chain that is followed', () => {
  let anvil: Anvil;
  let app: TestApp;
  let reader: RestCaller;
  let instant: PlainClient;
  let final: PlainClient;
  let nft: Address;
  let folder: string;
  let [alice, bob]: Address[] = [];

  const send = (name: string, ...args: unknown[]): Promise<Hash> => anvil.send('PointsNft', nft, name, ...args);
  /** Waits until a block is projected. */
  const projected = (block: number): Promise<unknown> =>
    waitFor(async () => {
      const { body } = await reader.get('/v1/onchain/status');
      return body.data[0]?.projected?.number >= block;
    });
  const caughtUp = async (): Promise<void> => void (await projected(await anvil.height()));
  const eventsOf = (client: PlainClient, type: string): Message['data'][] =>
    client.messages.filter((message) => message.type === type).map(({ data }) => data);
  const kindsOf = (client: PlainClient): unknown[] =>
    eventsOf(client, 'onchain_event').map((data) => (data as { kind: string }).kind);

  const alertsOf = async (ruleId: string): Promise<Record<string, unknown>[]> =>
    (await reader.get(`/v1/alerts/history?ruleId=${ruleId}`)).body.data;
  const watchStakes = async (name: string, account?: string): Promise<void> => {
    const condition = { metric: 'staked_tokens', operator: 'gte', threshold: 1, ...(account && { account }) };
    rules.set(name, await reader.rule({ name, conditions: [condition], actions: [] }));
    await editsApplied(app.db.pool);
  };
  const rules = new Map<string, string>();

  beforeAll(async () => {
    anvil = await startAnvil();
    [alice, bob] = anvil.accounts.slice(1);
    nft = await anvil.deploy('PointsNft');
    folder = await mkdtemp(join(tmpdir(), 'onchain-'));
    const file = join(folder, 'chains.yaml');
    await writeFile(
      file,
      `chains:
  - id: anvil
    chainId: 31337
    pollMs: 50
    endpoints: [{ url: '${anvil.url}' }]
    contracts: [{ address: '${nft}', standard: batch, fromBlock: 0 }]
points:
  rules: [{ validFrom: '1970-01-01T00:00:00.000Z', stakedPerTokenPerDay: '10', heldPerTokenPerDay: '1', chains: [anvil] }]
`,
    );
    app = await createTestApp({ settings: { ONCHAIN_CONFIG: file } });
    reader = await RestCaller.of(app, 'reader');
    await shardsReady(app);
    await watchStakes('named', alice);
    await watchStakes('each');
    instant = await PlainClient.connect(app.url, await app.key({ userId: 'instant' }));
    final = await PlainClient.connect(app.url, await app.key({ userId: 'final' }));
    await instant.ask({ type: 'subscribe', channels: ['onchain'] }, 'subscription_result');
    await final.ask(
      { type: 'subscribe', channels: ['onchain'], filters: { finality: 'final' } },
      'subscription_result',
    );
  });
  afterAll(async () => {
    instant?.socket.terminate();
    final?.socket.terminate();
    await app?.close();
    await anvil.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('shows each event to a client as soon as its block is there, and to another once it is final', async () => {
    await send('mint', alice, 1n, 5n);
    await send('stake', alice, 1n);
    await send('transfer', alice, bob, 4n, 2n);
    await caughtUp();
    await waitFor(() => kindsOf(instant).length === 3);
    expect(kindsOf(instant)).toEqual(['BatchMint', 'Stake', 'BatchTransfer']);
    expect(eventsOf(instant, 'onchain_event')[1]).toMatchObject({
      chain: 'anvil',
      contract: nft,
      from: alice,
      to: null,
      staker: alice,
      startTokenId: '1',
      quantity: '1',
      status: 'pending',
    });
    expect(eventsOf(instant, 'onchain_event')[0]).not.toHaveProperty('repeat');
    expect(kindsOf(final).length).toBeLessThan(3);
    await anvil.mine(3);
    await waitFor(() => kindsOf(final).length === 3);
    expect(eventsOf(final, 'onchain_event').map((data) => (data as { status: string }).status)).toEqual([
      'final',
      'final',
      'final',
    ]);
    await quietFor(100);
    expect(kindsOf(instant)).toHaveLength(3);
  });

  it('alerts on the staked tokens of an account, also by a rule that is made while they are staked', async () => {
    await watchStakes('late', alice);
    for (const [name, ruleId] of rules) {
      const [alert] = await waitFor(
        async () => {
          const alerts = await alertsOf(ruleId);
          return alerts.length > 0 && alerts;
        },
        { what: `an alert of ${name}`, timeoutMs: 60_000 },
      );
      expect(alert).toMatchObject({ account: alice, token: null, metric: 'staked_tokens', value: 1, threshold: 1 });
      expect(alert?.['message']).toBe(`${name}: Staked tokens of ${alice} is 1, at or above 1`);
    }
    const { body } = await reader.get(`/v1/alerts/rules/${rules.get('each')}`);
    expect(body.state.firing).toMatchObject([{ subject: `account=${alice}`, value: 1 }]);
    // From these an evaluator begins that restarts or gets the first rule on an account.
    for (const wanted of [alice ?? '', '*']) {
      const found: object[] = [];
      for await (const page of app.nest.get(WindowLoader, { strict: false }).accounts([wanted])) found.push(...page);
      expect(found).toContainEqual(expect.objectContaining({ account: alice, staked_tokens: 1 }));
    }
  });

  it('lists who owns and who staked each token', async () => {
    const { body } = await reader.get(`/v1/onchain/tokens?contract=${nft}`);
    expect(
      body.data.map((token: Record<string, unknown>) => [token['tokenId'], token['owner'], token['staker']]),
    ).toEqual([
      ['1', alice, alice],
      ['2', alice, null],
      ['3', alice, null],
      ['4', bob, null],
      ['5', bob, null],
    ]);
  });

  it('explains an account to the last micro-point, as of the newest block and not of the wall clock', async () => {
    await anvil.rpc('evm_increaseTime', 86_400);
    await anvil.mine(1);
    await caughtUp();
    const { body: account } = await reader.get(`/v1/points/${alice}`);
    const { body: explained } = await reader.get(`/v1/points/${alice}/explain`);
    const sum = explained.intervals.reduce(
      (total: bigint, { numerator }: { numerator: string }) => total + BigInt(numerator),
      0n,
    );
    const micro = (points: string): bigint => {
      const [whole = '0', decimals = ''] = points.split('.');
      return BigInt(whole + decimals.padEnd(6, '0'));
    };
    expect(micro(account.points)).toBe(sum / DAY_MS);
    expect(explained.balance).toBe(account.points);
    expect(micro(account.pending) + micro(account.final)).toBe(micro(account.points));
    // One staked token and two held ones for a day: 12 points and what the first seconds earned.
    expect(Number(account.points)).toBeGreaterThanOrEqual(12);
    expect(Number(account.points)).toBeLessThan(12.1);
    expect(account).toMatchObject({ rank: 1, stakedTokens: '1', heldTokens: '2' });
    const { body: leaders } = await reader.get('/v1/points/leaderboard');
    expect(leaders.as_of.cursor).toBe(account.as_of.cursor);
    expect(leaders.data[0].points).toBe(account.points);
    expect(leaders.data.map(({ account: name }: { account: string }) => name)).toEqual([alice, bob]);
  });

  it('takes back what a reorganisation undid, names it, and gives the moved transaction anew', async () => {
    const before = await reader.get(`/v1/points/${bob}`);
    await anvil.mine(2);
    const stake = await send('stake', bob, 4n);
    await caughtUp();
    await waitFor(() => kindsOf(instant).length === 4);
    const [staked] = instant.messages.filter(({ type }) => type === 'onchain_event').slice(-1);
    // The transaction moves from the newest block into the one before it.
    await anvil.reorg(2, [{ hash: stake, block: 0 }]);
    await anvil.mine(1);
    await waitFor(() => eventsOf(instant, 'chain_reorg').length === 1);
    expect(eventsOf(instant, 'chain_reorg')[0]).toMatchObject({
      chain: 'anvil',
      depth: 2,
      retracted: [eventIdOf(staked)],
      part: 1,
      parts: 1,
    });
    await caughtUp();
    await waitFor(() => kindsOf(instant).length === 5);
    expect(kindsOf(instant).at(-1)).toBe('Stake');
    const { body: retracted } = await reader.get('/v1/onchain/events?status=retracted');
    expect(retracted.data).toMatchObject([{ kind: 'Stake', status: 'retracted', from: bob }]);
    const { body: canonical } = await reader.get(`/v1/onchain/events?staker=${bob}`);
    expect(canonical.data).toHaveLength(1);
    const { body: after } = await reader.get(`/v1/points/${bob}`);
    expect(Number(after.points)).toBeGreaterThanOrEqual(Number(before.body.points));
    expect(after).toMatchObject({ stakedTokens: '1', heldTokens: '1' });
  });

  it('tells a client of final events about no reorganisation, and of the stake once', async () => {
    await anvil.mine(3);
    await caughtUp();
    await waitFor(() => kindsOf(final).filter((kind) => kind === 'Stake').length === 2);
    expect(eventsOf(final, 'chain_reorg')).toEqual([]);
    expect(final.faults).toEqual([]);
    expect(instant.faults).toEqual([]);
  });

  it('has no gaps, and every event is processed', async () => {
    expect((await reader.get('/v1/onchain/gaps')).body.data).toEqual([]);
    const { body } = await reader.get('/v1/onchain/events?processed=false');
    expect(body.data).toEqual([]);
  });
});
