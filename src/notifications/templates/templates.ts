import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { AlertMessage, MessageType, SystemType } from '../core/delivery.js';
import { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { TaskFault, WorkerPool } from '../../platform/workers/worker-pool.js';
import { workerTask } from '../../platform/workers/worker-task.js';
import { BUILT_IN, EXAMPLE_ALERT, isSystem, SYSTEM_TEMPLATES } from './built-in.js';
import type { RenderInput } from './render-task.js';
import { LONGEST_TEMPLATE, TemplateEngine, type TemplateSource } from './template-engine.js';

/** A message as a template shows it. `html` is empty where the template has none. */
export interface RenderedMessage {
  subject: string;
  text: string;
  html: string;
  /** Why a user's own template gave way to the default: it has a fault, or its user's time for rendering is used up. */
  fallback?: 'fault' | 'budget';
}

/** What to preview: a template by name, or sources that are not saved yet. */
export interface PreviewRequest {
  template?: string;
  subject?: string;
  text?: string;
  html?: string;
  /** Fields of the alert that replace those of the example. */
  data?: Partial<AlertMessage>;
}

export interface RenderRequest {
  userId: string;
  /** Name of a template; null or unknown: the default. */
  template: string | null;
  type: MessageType | SystemType;
  data: object;
  links?: Readonly<Record<string, string>>;
}

const RENDER = workerTask<RenderInput, RenderedMessage>(import.meta.url, './render-task', 'renderTemplate', {
  lane: 'short',
  timeoutMs: 5_000,
  cpuMsPerMinute: 3_000,
});

/** A changed template is used everywhere after this time, ms. */
const REMEMBERED_MS = 5_000;

/** Built-in and users' templates. */
@Injectable()
export class Templates {
  private readonly engine = new TemplateEngine();
  private readonly known = new LRUCache<string, { source: TemplateSource | undefined }>({
    max: 5_000,
    ttl: REMEMBERED_MS,
  });

  constructor(
    private readonly database: Database,
    private readonly workers: WorkerPool,
  ) {}

  /** Whether the user may name this template in a rule: by the database, for another process may have just written it. */
  async exists(userId: string, name: string): Promise<boolean> {
    this.forget(userId, name);
    return (await this.source(userId, name)) !== undefined;
  }

  /** A message for people. A template that fails gives way to the default: an alert is never lost to its looks. */
  async render({ userId, template, type, data, links = {} }: RenderRequest): Promise<RenderedMessage> {
    const values = { ...data, links };
    if (isSystem(type)) return this.engine.render(SYSTEM_TEMPLATES[type], values);
    const source = template === null ? undefined : await this.source(userId, template);
    if (source === undefined) return this.engine.render(defaultSource(), values);
    // The product's own templates are known not to compute: they need no thread.
    if (isBuiltIn(source)) return this.engine.render(source, values);
    try {
      return await this.workers.run(RENDER, { source, values }, { key: userId });
    } catch (error) {
      const fallback = error instanceof DomainError && error.code === 'rate_limited' ? 'budget' : 'fault';
      return { ...this.engine.render(defaultSource(), values), fallback };
    }
  }

  /** Renders with an example alert; throws `invalid_request` with the template's fault. */
  async preview(userId: string, request: PreviewRequest): Promise<RenderedMessage> {
    const { template = 'default', subject, text, html, data = {} } = request;
    const base = await this.source(userId, template);
    if (base === undefined) throw new DomainError('not_found', `There is no template ${template}.`);
    const own = subject !== undefined || text !== undefined || html !== undefined;
    const source = own ? { subject: subject ?? base.subject, text: text ?? base.text, html: html ?? '' } : base;
    return this.check(userId, source, { ...EXAMPLE_ALERT, ...data });
  }

  /** Throws `invalid_request` for a source that cannot be rendered, `rate_limited` when the user's time is used up. */
  async check(userId: string, source: TemplateSource, values: object = EXAMPLE_ALERT): Promise<RenderedMessage> {
    const links = { unsubscribe: 'https://example.com/unsubscribe' };
    try {
      return await this.workers.run(RENDER, { source, values: { ...values, links } }, { key: userId });
    } catch (error) {
      const isFault = error instanceof TaskFault || (error instanceof DomainError && error.code === 'limit_exceeded');
      if (!isFault) throw error;
      const [detail = ''] = error.message.split('\n');
      const limit = `Templates have up to ${LONGEST_TEMPLATE} characters and little time to render.`;
      throw new DomainError('invalid_request', `The template is not valid: ${detail.slice(0, 300)}. ${limit}`, {
        field: 'template',
      });
    }
  }

  /** Lets a template that was just written be used at once in this process. */
  forget(userId: string, name: string): void {
    this.known.delete(`${userId}\0${name}`);
  }

  private async source(userId: string, name: string): Promise<TemplateSource | undefined> {
    const key = `${userId}\0${name}`;
    const known = this.known.get(key);
    if (known !== undefined) return known.source;
    const own = await this.database.one<TemplateSource & { [column: string]: unknown }>(
      'SELECT subject, text, html FROM notification_templates WHERE user_id = $1 AND name = $2',
      [userId, name],
    );
    const source = own ?? (Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined);
    this.known.set(key, { source });
    return source;
  }
}

function isBuiltIn(source: TemplateSource): boolean {
  return Object.values(BUILT_IN).includes(source);
}

function defaultSource(): TemplateSource {
  const { default: source } = BUILT_IN;
  if (source === undefined) throw new Error('the default template is missing');
  return source;
}
