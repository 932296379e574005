import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { LRUCache } from 'lru-cache';
import { Repository } from 'typeorm';
import { cutText } from '../core/cut-text.js';
import type { AlertMessage, MessageType, SystemType } from '../core/delivery.js';
import type { Outcome } from '../core/outcome.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { TaskFault, WorkerPool } from '../../platform/workers/worker-pool.js';
import { workerTask } from '../../platform/workers/worker-task.js';
import { PublicLinks } from './public-links.js';
import { BUILT_IN, EXAMPLE_ALERT, EXAMPLE_LINKS, isSystem, SYSTEM_TEMPLATES } from './built-in.js';
import type { RenderInput, RenderOutput } from './render-task.js';
import { shownOf } from './shown.js';
import { TemplateEntity } from './template.entity.js';
import { MAX_TEMPLATE_LENGTH, TemplateEngine, type RenderedMessage, type TemplateSource } from './template-engine.js';

/** Message and its links by destination: `rule`, `history`, `snooze`. */
export interface LinkedMessage extends RenderedMessage {
  links: Readonly<Record<string, string>>;
}

/** Texts in the delivery about a replaced template. */
export const FALLBACK_NOTES = {
  fault: 'the template has a fault; the default text was sent',
  budget: 'the time for rendering templates is used up; the default text was sent',
  empty: 'the template rendered nothing; the default text was sent',
  json: 'the template rendered no valid JSON; the standard body was sent',
} as const;

/** Returns the outcome of an attempt, with a note if the default template replaced the user's. */
export function noted(outcome: Outcome, fallback: keyof typeof FALLBACK_NOTES | undefined): Outcome {
  if (fallback === undefined) return outcome;
  const parts = [outcome.detail, FALLBACK_NOTES[fallback]].filter((part) => part !== undefined);
  return { ...outcome, detail: parts.join('; ') };
}

/** Rendered message, and warnings about its template. */
export interface PreviewedMessage extends RenderedMessage {
  warnings: { code: string; detail: string }[];
}

/** Template to preview: its name, or sources that are not saved. */
interface PreviewRequest {
  template?: string;
  subject?: string;
  text?: string;
  html?: string;
  /** Alert to render; default: an example. */
  alert?: AlertMessage;
  /** Members that replace those of the alert. */
  data?: Partial<AlertMessage>;
}

interface RenderRequest {
  userId: string;
  /** Name of a template; null or unknown: the default template is used. */
  template: string | null;
  type: MessageType | SystemType;
  data: object;
  links?: Readonly<Record<string, string>>;
  /** Creation time of the message; used for old data in which alerts have no time. */
  createdAt?: Date;
  /** Maximum length of lists in a message, UTF-16 code units. */
  room?: number;
  /** Whether built-in templates write links into the text; false if the channel shows links elsewhere. */
  linksInText?: boolean;
  /**
   * Whether a test message is marked as a test even if the user's template does not do so; false for a user's own JSON.
   */
  marksTests?: boolean;
}

const RENDER = workerTask<RenderInput, RenderOutput>(import.meta.url, './render-task', 'renderTemplate', {
  lane: 'short',
  timeoutMs: 5_000,
  cpuMsPerMinute: 3_000,
});

const TEST_NOTE = 'This is a test, nothing has happened.';

/** Time after which all processes use a changed template, ms: lifetime of cached templates. */
const TEMPLATE_TTL_MS = 5_000;

/** Built-in and users' templates. */
@Injectable()
export class Templates {
  private readonly engine = new TemplateEngine();
  private readonly known = new LRUCache<string, { source: TemplateSource | undefined }>({
    max: 5_000,
    ttl: TEMPLATE_TTL_MS,
  });

  constructor(
    @InjectRepository(TemplateEntity) private readonly own: Repository<TemplateEntity>,
    private readonly workers: WorkerPool,
    private readonly publicLinks: PublicLinks,
  ) {}

  /**
   * Whether a template with this name exists for the user. Read from the database, because another process may have just
   * written it.
   */
  async exists(userId: string, name: string): Promise<boolean> {
    this.forget(userId, name);
    return (await this.source(userId, name)) !== undefined;
  }

  /**
   * Returns a message for people. If a template fails or renders nothing, the default is used, so that no alert is lost
   * because of its template.
   */
  async render(request: RenderRequest): Promise<LinkedMessage> {
    const { userId, type, data, links: given = {}, createdAt, room, linksInText } = request;
    if (isSystem(type)) {
      return { ...this.engine.render(SYSTEM_TEMPLATES[type], { ...data, links: given }), links: given };
    }
    const alert = { ...(createdAt === undefined ? {} : { at: createdAt.toISOString() }), ...data };
    const links = { ...this.linksOf(userId, alert), ...given };
    const shown = shownOf(alert, { room, links: linksInText });
    return { ...(await this.renderAlert(request, { ...alert, links, shown })), links };
  }

  /** Returns the links of a message about an alert. */
  linksOf(userId: string, alert: Partial<AlertMessage>): Record<string, string> {
    return this.publicLinks.ofAlert(userId, alert);
  }

  private async renderAlert(
    { userId, template, type, marksTests = true }: RenderRequest,
    values: object,
  ): Promise<RenderedMessage> {
    const source = template === null ? undefined : await this.source(userId, template);
    if (source === undefined) return this.engine.render(defaultSource(), values);
    // Built-in templates are cheap, so they need no worker thread.
    if (isBuiltIn(source)) return this.engine.render(source, values);
    const usual = (): RenderedMessage => this.engine.render(defaultSource(), values);
    try {
      const rendered = withoutGaps(await this.workers.run(RENDER, { source, values }, { key: userId }), usual);
      return type === 'test' && marksTests && rendered.fallback === undefined ? asTest(rendered) : rendered;
    } catch (error) {
      const fallback = error instanceof DomainError && error.code === 'rate_limited' ? 'budget' : 'fault';
      return { ...usual(), fallback };
    }
  }

  /** Renders a template with a stored alert or an example; throws `invalid_request` with the error of the template. */
  async preview(userId: string, request: PreviewRequest): Promise<PreviewedMessage> {
    const { template = 'default', subject, text, html, alert = EXAMPLE_ALERT, data = {} } = request;
    const base = await this.source(userId, template);
    if (base === undefined) throw new DomainError('not_found', `Template ${template} not found.`);
    const own = subject !== undefined || text !== undefined || html !== undefined;
    const source = own ? { subject: subject ?? base.subject, text: text ?? base.text, html: html ?? '' } : base;
    // As they are sent; the recipient of a preview has no link to unsubscribe.
    const links = { ...EXAMPLE_LINKS, ...(request.alert && this.linksOf(userId, request.alert)) };
    const { unknown = [], ...rendered } = await this.tried(userId, source, { ...alert, ...data }, links);
    const warnings = unknown.map((name) => ({ code: 'unknown_variable', detail: `unknown variable ${name}` }));
    if (isEmpty(rendered.text) && isEmpty(rendered.html)) {
      warnings.push({ code: 'empty', detail: 'renders nothing; the default text would be sent' });
    }
    return { ...rendered, warnings };
  }

  /**
   * Throws `invalid_request` for a source that cannot be rendered, `rate_limited` if the user's rendering time is used
   * up.
   */
  async check(userId: string, source: TemplateSource): Promise<void> {
    await this.tried(userId, source, EXAMPLE_ALERT);
  }

  private async tried(
    userId: string,
    source: TemplateSource,
    alert: AlertMessage,
    links = EXAMPLE_LINKS,
  ): Promise<RenderOutput> {
    // Members that other alerts have are not reported as unknown, even if this alert lacks them.
    const absent = { protocol: null, chain: null, token: null, account: null };
    const values = { ...absent, ...alert, links, shown: shownOf(alert) };
    try {
      return await this.workers.run(RENDER, { source, values, checks: true }, { key: userId });
    } catch (error) {
      const isFault = error instanceof TaskFault || (error instanceof DomainError && error.code === 'limit_exceeded');
      if (!isFault) throw error;
      const [detail = ''] = error.message.split('\n');
      const limit = `Templates have at most ${MAX_TEMPLATE_LENGTH} characters and a short time to render.`;
      throw new DomainError('invalid_request', `The template is not valid: ${cutText(detail, 300)}. ${limit}`, {
        field: 'template',
      });
    }
  }

  /** Drops a cached template that was just written, so that this process uses the new one at once. */
  forget(userId: string, name: string): void {
    this.known.delete(`${userId}\0${name}`);
  }

  private async source(userId: string, name: string): Promise<TemplateSource | undefined> {
    const key = `${userId}\0${name}`;
    const known = this.known.get(key);
    if (known !== undefined) return known.source;
    const own = await this.own.findOneBy({ userId, name });
    const source = own === null ? builtIn(name) : { subject: own.subject, text: own.text, html: own.html };
    this.known.set(key, { source });
    return source;
  }
}

/** Returns a message rendered by a user's template, marked as a test. */
function asTest({ subject, text, html }: RenderedMessage): RenderedMessage {
  return {
    subject: `Test: ${subject}`,
    text: isEmpty(text) ? text : `${TEST_NOTE}\n\n${text}`,
    html: isEmpty(html) ? html : `<p>${TEST_NOTE}</p>\n${html}`,
  };
}

/** Returns the message with the default title if its title is empty, and with the default text if it has no content. */
function withoutGaps(rendered: RenderedMessage, usual: () => RenderedMessage): RenderedMessage {
  const { subject, text, html } = rendered;
  if (!isEmpty(subject) && !isEmpty(text)) return { subject, text, html };
  const whole = usual();
  const hasBody = !isEmpty(text) || !isEmpty(html);
  return {
    subject: isEmpty(subject) ? whole.subject : subject,
    text: isEmpty(text) ? whole.text : text,
    html: hasBody ? html : whole.html,
    // A template with a title and HTML but no text is complete.
    ...(isEmpty(subject) || !hasBody ? { fallback: 'empty' as const } : {}),
  };
}

/** Whether the text has nothing visible. */
function isEmpty(text: string): boolean {
  return text.replaceAll(/<[^<>]*>|&nbsp;|[\s\p{Cf}]/gu, '') === '';
}

function builtIn(name: string): TemplateSource | undefined {
  return Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined;
}

function isBuiltIn(source: TemplateSource): boolean {
  return Object.values(BUILT_IN).includes(source);
}

function defaultSource(): TemplateSource {
  const { default: source } = BUILT_IN;
  if (source === undefined) throw new Error('the default template is missing');
  return source;
}
