import { Controller, Get, Module, Query } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Logger } from '@nestjs/common';
import { Logger as PinoLogger } from 'nestjs-pino';
import { QueryFailedError } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DomainError } from '../../../src/platform/errors/domain-error.js';
import { HttpErrorFilter } from '../../../src/platform/errors/http-error.filter.js';
import { HttpModule } from '../../../src/platform/http/http.module.js';
import { proxyWarning } from '../../../src/platform/http/proxy-warning.js';
import { MetricsModule } from '../../../src/platform/metrics/metrics.module.js';
import { WorkersModule } from '../../../src/platform/workers/workers.module.js';
import { RequestContext } from '../../../src/platform/request/request-context.js';
import { requestIds } from '../../../src/platform/http/request-id.js';
import { LoggingModule } from '../../../src/platform/logging/logging.module.js';
import { parseSettings } from '../../../src/platform/settings/settings.js';
import { waitFor } from '../../support/wait-for.js';

const SECRET = 'rta_ab12_verySecretSecretSecret';

@Controller()
class Talkative {
  private readonly logger = new Logger('Talkative');

  @Get('work')
  async work(@Query('later') later: string): Promise<string> {
    await new Promise((resolve) => setTimeout(resolve, 1));
    this.logger.log({ later, apiKey: SECRET, nested: { password: 'hunter2' } }, 'deep inside');
    this.logger.warn({ err: new QueryFailedError('SELECT $1', ['hunter3'], new Error('no table')) }, 'not read');
    const refused = Object.assign(new Error('READONLY'), { command: { name: 'set', args: ['a key', 'hunter4'] } });
    this.logger.warn({ err: refused }, 'not cached');
    return 'done';
  }

  @Get('busy')
  busy(): never {
    throw new DomainError('unavailable', 'Not now.', { cause: new Error('no room') });
  }

  @Get('often')
  often(): never {
    throw new DomainError('rate_limited', 'Too many.');
  }

  @Get('nowhere')
  nowhere(): never {
    throw new DomainError('not_found', 'Not here.');
  }

  @Get('fail')
  fail(): never {
    throw new Error(`cannot use ${SECRET}`);
  }
}

describe('the log', () => {
  const lines: string[] = [];
  let app: NestExpressApplication;
  let url: string;

  beforeAll(async () => {
    const destination = { write: (line: string) => void lines.push(line) };
    const logging = LoggingModule.with(parseSettings({ LOG_LEVEL: 'debug' }), destination);
    @Module({ imports: [MetricsModule, WorkersModule, HttpModule, logging], controllers: [Talkative] })
    class Root {}
    app = await NestFactory.create<NestExpressApplication>(Root, { bufferLogs: true, abortOnError: false });
    app.useLogger(app.get(PinoLogger));
    app.use(requestIds(app.get(RequestContext)));
    app.use(proxyWarning(0));
    app.useGlobalFilters(new HttpErrorFilter());
    await app.listen(0, '127.0.0.1');
    url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  });

  afterAll(() => app.close());

  interface Line {
    [field: string]: unknown;
  }

  /** Returns the log lines with that message, as soon as there are any. */
  const said = (msg: string): Promise<Line[]> =>
    waitFor(() => {
      const found = lines.map((line) => JSON.parse(line) as Line).filter((line) => line['msg'] === msg);
      return found.length > 0 ? found : undefined;
    });

  it('contains the request id in every line of a request, even deep inside a handler', async () => {
    await fetch(`${url}/work?later=1`, { headers: { 'x-request-id': 'trace-1' } });
    const [inside] = await said('deep inside');
    expect(inside).toMatchObject({ level: 'info', context: 'Talkative', correlationId: 'trace-1', later: '1' });
    const [answered] = await said('request answered');
    expect(answered).toMatchObject({ correlationId: 'trace-1', req: { method: 'GET', address: '127.0.0.1' } });
  });

  it('contains no key, password or token, and no values of a statement or command that failed', async () => {
    await fetch(`${url}/work?later=${SECRET}&apiKey=plain-text`);
    await fetch(`${url}/fail`, { headers: { authorization: `Bearer ${SECRET}` } });
    expect((await said('request failed')).length).toBeGreaterThan(0);
    expect((await said('not read'))[0]).toMatchObject({ err: { query: 'SELECT $1', parameters: '***' } });
    expect((await said('not cached'))[0]).toMatchObject({ err: { command: { name: 'set', args: '***' } } });
    expect(lines.join('')).not.toMatch(/verySecret|hunter2|hunter3|hunter4|plain-text/);
  });

  it('contains the reason of a failure that the response hides', async () => {
    const answer = await fetch(`${url}/fail`, { headers: { 'x-request-id': 'trace-2' } });
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain('cannot use');
    const line = await waitFor(async () =>
      (await said('request failed')).find((l) => l['correlationId'] === 'trace-2'),
    );
    expect(line).toMatchObject({
      level: 'error',
      code: 'internal_error',
      err: { stack: expect.stringContaining('fail') },
    });
  });

  it('contains a failure with its cause once, apart from the line of the request', async () => {
    for (const [path, level] of [
      ['busy', 'info'],
      ['fail', 'error'],
    ] as const) {
      const id = `trace-${path}`;
      await fetch(`${url}/${path}`, { headers: { 'x-request-id': id } });
      const lines = await waitFor(async () => {
        const found = (await said('request failed')).filter((line) => line['correlationId'] === id);
        return found.length === 2 ? found : undefined;
      });
      const ofRequest = lines.filter((line) => line['req'] !== undefined);
      expect(ofRequest).toMatchObject([{ level, req: { url: `/${path}` } }]);
      expect(ofRequest[0]).not.toHaveProperty('err');
      expect(lines.filter((line) => line['err'] !== undefined)).toMatchObject([{ level: 'error', context: 'HTTP' }]);
    }
  });

  it('contains refusals over a rate limit only at level `debug`', async () => {
    for (const [path, level] of [
      ['often', 'debug'],
      ['nowhere', 'info'],
    ] as const) {
      const id = `trace-${path}`;
      await fetch(`${url}/${path}`, { headers: { 'x-request-id': id } });
      const line = await waitFor(async () =>
        (await said('request answered')).find(({ correlationId }) => correlationId === id),
      );
      expect(line).toMatchObject({ level, req: { url: `/${path}` } });
    }
  });

  it('contains one warning when `X-Forwarded-For` arrives without `TRUST_PROXY`', async () => {
    for (let i = 0; i < 3; i++) await fetch(`${url}/work`, { headers: { 'x-forwarded-for': '1.2.3.4' } });
    const warnings = lines.filter((line) => line.includes('TRUST_PROXY is 0'));
    expect(warnings).toHaveLength(1);
  });

  it('omits messages of the framework about itself', () => {
    expect(lines.filter((line) => line.includes('RouterExplorer'))).toEqual([]);
  });
});
