import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

const LIFETIME = join(import.meta.dirname, '../../../dist/src/platform/process/process-lifetime.js');

/** Runs a process with a lifetime whose endings `body` registers; returns its output, and how it ended. */
async function live(
  body: string,
  signals: readonly NodeJS.Signals[] = [],
  pauseMs = 0,
): Promise<{ code: number | null; output: string }> {
  const script = `
    import { ProcessLifetime } from ${JSON.stringify(LIFETIME)};
    const say = (text) => process.stdout.write(text + ' ');
    const lifetime = new ProcessLifetime();
    setInterval(() => {}, 60_000);
    ${body}
    say('up');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  const closed = once(child, 'close');
  await once(child.stdout, 'data');
  for (const signal of signals) {
    child.kill(signal);
    await sleep(pauseMs);
  }
  await closed;
  return { code: child.exitCode, output };
}

describe('ProcessLifetime', () => {
  it('runs end handlers in reverse order of registration, and exits 0', async () => {
    const { code, output } = await live(
      `lifetime.onEnd(async () => say('database'));
       lifetime.onEnd(async () => say('application'));`,
      ['SIGTERM'],
    );
    expect(code).toBe(0);
    expect(output.indexOf('application')).toBeLessThan(output.indexOf('database'));
  });

  it('runs the other end handlers after one fails, and exits 1', async () => {
    const { code, output } = await live(
      `lifetime.onEnd(async () => say('database'));
       lifetime.onEnd(async () => { throw new Error('stuck'); });`,
      ['SIGINT'],
    );
    expect([code, output]).toEqual([1, expect.stringContaining('database')]);
  });

  it('calls the hangup handlers on every SIGHUP and continues', async () => {
    const { code, output } = await live(
      `lifetime.onHangup(() => say('again'));
       lifetime.onEnd(async () => say('end'));`,
      ['SIGHUP', 'SIGHUP', 'SIGTERM'],
      200,
    );
    expect(code).toBe(0);
    expect(output.match(/again/g)).toHaveLength(2);
    expect(output).toContain('end');
  });

  it('ignores a signal repeated within 50 ms, and exits 130 on a signal repeated later', async () => {
    const slow = `lifetime.onEnd(() => new Promise((done) => setTimeout(done, 1_500)));`;
    expect((await live(slow, ['SIGINT', 'SIGINT'], 50)).code).toBe(0);
    const stuck = `lifetime.onEnd(() => new Promise(() => {}));`;
    expect((await live(stuck, ['SIGINT', 'SIGINT'], 1_200)).code).toBe(130);
  });

  it('exits 1 when an end handler hangs', async () => {
    const { code } = await live(`lifetime.limitEnd(50); lifetime.onEnd(() => new Promise(() => {}));`, ['SIGTERM']);
    expect(code).toBe(1);
  });

  it.each([
    ['an unhandled rejection', `setTimeout(() => Promise.reject(new Error('forgotten')), 20);`],
    ['an uncaught exception', `setTimeout(() => { throw new Error('forgotten'); }, 20);`],
  ])('logs %s and exits 1', async (_what, body) => {
    const { code, output } = await live(body);
    expect([code, output]).toEqual([1, expect.stringContaining('forgotten')]);
  });

  it('reports why a start failed, and runs the end handlers', async () => {
    const { code, output } = await live(
      `lifetime.onEnd(async () => say('database'));
       void lifetime.fail(new Error('no room'));`,
    );
    expect([code, output]).toEqual([1, expect.stringContaining('Cannot start: no room\n')]);
    expect(output).toContain('database');
  });
});
