import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { cutText } from '../core/cut-text.js';
import type { AlertMessage, MessageType, SystemType } from '../core/delivery.js';
import type { Outcome } from '../core/outcome.js';
import { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { TaskFault, WorkerPool } from '../../platform/workers/worker-pool.js';
import { workerTask } from '../../platform/workers/worker-task.js';
import { PublicLinks } from '../channels/public-links.js';
import { BUILT_IN, EXAMPLE_ALERT, EXAMPLE_LINKS, isSystem, SYSTEM_TEMPLATES } from './built-in.js';
import type { RenderInput, RenderOutput } from './render-task.js';
import { shownOf } from './shown.js';
import { LONGEST_TEMPLATE, TemplateEngine, type TemplateSource } from './template-engine.js';

/** A message as a template shows it. `html` is empty where the template has none. */
export interface RenderedMessage {
  subject: string;
  text: string;
  html: string;
  /**
   * Why a user's own template gave way to the default: it has a fault, its user's time for rendering is used up, or it
   * rendered nothing.
   */
  fallback?: 'fault' | 'budget' | 'empty';
}

/** A message with its links, by what they lead to: `rule`, `history`, `snooze`. */
export interface LinkedMessage extends RenderedMessage {
  links: Readonly<Record<string, string>>;
}

/** What the delivery says of that. */
export const FALLBACK_NOTES = {
  fault: 'the template has a fault; the default text was sent',
  budget: 'the time for rendering templates is used up; the default text was sent',
  empty: 'the template rendered nothing; the default text was sent',
  json: 'the template rendered no valid JSON; the standard body was sent',
} as const;

/** The outcome of an attempt, with a word about a template that gave way. */
export function noted(outcome: Outcome, fallback: keyof typeof FALLBACK_NOTES | undefined): Outcome {
  if (fallback === undefined) return outcome;
  const parts = [outcome.detail, FALLBACK_NOTES[fallback]].filter((part) => part !== undefined);
  return { ...outcome, detail: parts.join('; ') };
}

/** A message as a template would make it, and what is strange about the template. */
export interface PreviewedMessage extends RenderedMessage {
  warnings: { code: string; detail: string }[];
}

/** What to preview: a template by name, or sources that are not saved yet. */
export interface PreviewRequest {
  template?: string;
  subject?: string;
  text?: string;
  html?: string;
  /** The alert to show; else an example. */
  alert?: AlertMessage;
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
  /** When the message was made, for data of before alerts had a time. */
  createdAt?: Date;
  /** UTF-16 units for what a message lists. */
  room?: number;
  /** Whether the product's own templates write links into the text; a channel that places them itself says false. */
  linksInText?: boolean;
}

const RENDER = workerTask<RenderInput, RenderOutput>(import.meta.url, './render-task', 'renderTemplate', {
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
    private readonly publicLinks: PublicLinks,
  ) {}

  /** Whether the user may name this template in a rule: by the database, for another process may have just written it. */
  async exists(userId: string, name: string): Promise<boolean> {
    this.forget(userId, name);
    return (await this.source(userId, name)) !== undefined;
  }

  /**
   * A message for people. A template that fails or says nothing gives way to the default: an alert is never lost to its looks.
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

  /** Where a message about an alert leads. */
  linksOf(userId: string, alert: Partial<AlertMessage>): Record<string, string> {
    return this.publicLinks.ofAlert(userId, alert);
  }

  private async renderAlert({ userId, template }: RenderRequest, values: object): Promise<RenderedMessage> {
    const source = template === null ? undefined : await this.source(userId, template);
    if (source === undefined) return this.engine.render(defaultSource(), values);
    // The product's own templates are known not to compute: they need no thread.
    if (isBuiltIn(source)) return this.engine.render(source, values);
    const usual = (): RenderedMessage => this.engine.render(defaultSource(), values);
    try {
      return withoutGaps(await this.workers.run(RENDER, { source, values }, { key: userId }), usual);
    } catch (error) {
      const fallback = error instanceof DomainError && error.code === 'rate_limited' ? 'budget' : 'fault';
      return { ...usual(), fallback };
    }
  }

  /** Renders with a real alert or an example; throws `invalid_request` with the template's fault. */
  async preview(userId: string, request: PreviewRequest): Promise<PreviewedMessage> {
    const { template = 'default', subject, text, html, alert = EXAMPLE_ALERT, data = {} } = request;
    const base = await this.source(userId, template);
    if (base === undefined) throw new DomainError('not_found', `There is no template ${template}.`);
    const own = subject !== undefined || text !== undefined || html !== undefined;
    const source = own ? { subject: subject ?? base.subject, text: text ?? base.text, html: html ?? '' } : base;
    const { unknown = [], ...rendered } = await this.tried(userId, source, { ...alert, ...data });
    const warnings = unknown.map((name) => ({ code: 'unknown_variable', detail: `unknown variable ${name}` }));
    if (isEmpty(rendered.text) && isEmpty(rendered.html)) {
      warnings.push({ code: 'empty', detail: 'renders nothing; the default text would be sent' });
    }
    return { ...rendered, warnings };
  }

  /** Throws `invalid_request` for a source that cannot be rendered, `rate_limited` when the user's time is used up. */
  async check(userId: string, source: TemplateSource): Promise<void> {
    await this.tried(userId, source, EXAMPLE_ALERT);
  }

  private async tried(userId: string, source: TemplateSource, alert: AlertMessage): Promise<RenderOutput> {
    // What another alert may have is known, though this one has it not.
    const absent = { protocol: null, chain: null, token: null };
    const values = { ...absent, ...alert, links: EXAMPLE_LINKS, shown: shownOf(alert) };
    try {
      return await this.workers.run(RENDER, { source, values, checks: true }, { key: userId });
    } catch (error) {
      const isFault = error instanceof TaskFault || (error instanceof DomainError && error.code === 'limit_exceeded');
      if (!isFault) throw error;
      const [detail = ''] = error.message.split('\n');
      const limit = `Templates have up to ${LONGEST_TEMPLATE} characters and little time to render.`;
      throw new DomainError('invalid_request', `The template is not valid: ${cutText(detail, 300)}. ${limit}`, {
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

/** A title that is empty is the default's, and so is a text that is empty as a whole. */
function withoutGaps(rendered: RenderedMessage, usual: () => RenderedMessage): RenderedMessage {
  const { subject, text, html } = rendered;
  if (!isEmpty(subject) && !isEmpty(text)) return { subject, text, html };
  const whole = usual();
  const hasBody = !isEmpty(text) || !isEmpty(html);
  return {
    subject: isEmpty(subject) ? whole.subject : subject,
    text: isEmpty(text) ? whole.text : text,
    html: hasBody ? html : whole.html,
    // A template that makes mails of HTML alone, with a title, is nothing to complain of.
    ...(isEmpty(subject) || !hasBody ? { fallback: 'empty' as const } : {}),
  };
}

/** Whether nobody would see anything of it. */
function isEmpty(text: string): boolean {
  return text.replaceAll(/<[^<>]*>|&nbsp;|[\s\p{Cf}]/gu, '') === '';
}

function isBuiltIn(source: TemplateSource): boolean {
  return Object.values(BUILT_IN).includes(source);
}

function defaultSource(): TemplateSource {
  const { default: source } = BUILT_IN;
  if (source === undefined) throw new Error('the default template is missing');
  return source;
}
