import { createContext, Script } from 'node:vm';
import { Liquid } from 'liquidjs';
import { cutText } from '../core/cut-text.js';
import { figure } from '../core/figures.js';

/** Rendered message. `html` is empty if the template has none. */
export interface RenderedMessage {
  subject: string;
  text: string;
  html: string;
  /**
   * Reason why the default template replaced a user's own: the template is faulty, its user's rendering time is used up,
   * or it rendered nothing.
   */
  fallback?: 'fault' | 'budget' | 'empty';
}

/** Source of a template. Subject and text are plain text; in `html` every value is escaped. */
export interface TemplateSource {
  subject: string;
  text: string;
  html: string;
}

/** Maximum length of a source, characters. */
export const MAX_TEMPLATE_LENGTH = 8_192;
/** Maximum time for one part, ms; long enough for a worker thread that has to wait on a busy machine. */
const RENDER_TIMEOUT_MS = 500;
/** Maximum time for subject, text and HTML together, ms; enforced from outside, even within a single expression. */
const INTERRUPT_TIMEOUT_MS = 1_000;
const MAX_ALLOCATED = 2_000_000;
/** Filters that evaluate an expression for each item of a list: the time is quadratic for nested lists. */
const EXPENSIVE_FILTERS = ['where_exp', 'reject_exp', 'group_by_exp', 'has_exp', 'find_exp', 'find_index_exp'] as const;
/** Tags that include other templates, which is not supported. */
const UNAVAILABLE_TAGS = ['include', 'render', 'layout'] as const;
const MAX_SUBJECT_LENGTH = 200;
const MAX_BODY_LENGTH = 100_000;

/**
 * Liquid without access to anything outside a template: no files, no inherited properties, and limits on the cost of
 * rendering. Users write templates, so they must be treated as hostile input.
 */
export class TemplateEngine {
  private readonly own = { plain: engine(false, Infinity), escaping: engine(true, Infinity) };
  private readonly foreign = { plain: engine(false, RENDER_TIMEOUT_MS), escaping: engine(true, RENDER_TIMEOUT_MS) };
  private readonly context = createContext();

  /** Renders built-in templates, without a time limit, which they do not need and which a busy machine could exceed. */
  render(source: TemplateSource, values: object): RenderedMessage {
    return rendered(this.own, source, values);
  }

  /** Renders users' templates, in a worker thread (`render-task`). Throws the error of the template, with its line. */
  renderForeign(source: TemplateSource, values: object): RenderedMessage {
    const result: RenderedMessage = { subject: '', text: '', html: '' };
    // Liquid checks its time limit only between tags, and a single expression may take minutes, so `vm` interrupts it.
    this.context['work'] = (): void => void Object.assign(result, rendered(this.foreign, source, values));
    WORK.runInContext(this.context, { timeout: INTERRUPT_TIMEOUT_MS });
    return result;
  }
}

/**
 * Returns the variables of a source that have no value, as they are written, for example `explanation.previos`. Members
 * of a null value count as known.
 */
export function unknownVariables({ subject, text, html }: TemplateSource, values: object): string[] {
  const liquid = engine(false, Infinity);
  const used = [subject, text, html].flatMap((part) => liquid.globalVariableSegmentsSync(part));
  const unknown = used.filter((segments) => !isKnown(values, segments));
  return [...new Set(unknown.map((segments) => segments.map(String).join('.')))];
}

/** Members that Liquid adds to lists. */
const LIST_MEMBERS: readonly unknown[] = ['size', 'first', 'last'];

function isKnown(value: unknown, [segment, ...rest]: readonly unknown[]): boolean {
  if (segment === undefined || value === null) return true;
  // The value of an index variable is known only when the template is rendered.
  if (typeof segment !== 'string' && typeof segment !== 'number') return true;
  if (Array.isArray(value) && (LIST_MEMBERS.includes(segment) || typeof segment === 'number')) {
    return isKnown(typeof segment === 'number' ? (value.at(segment) ?? null) : null, rest);
  }
  if (typeof value === 'string') return segment === 'size';
  if (typeof value !== 'object' || !Object.hasOwn(value, segment)) return false;
  return isKnown((value as Record<string, unknown>)[segment], rest);
}

interface Engines {
  plain: Liquid;
  escaping: Liquid;
}

const WORK = new Script('work()');

function rendered({ plain, escaping }: Engines, source: TemplateSource, values: object): RenderedMessage {
  const subject = oneLine(plain.parseAndRenderSync(source.subject, values));
  const text = cut(plain.parseAndRenderSync(source.text, values));
  const html = source.html === '' ? '' : cut(escaping.parseAndRenderSync(source.html, values));
  return { subject: cutText(subject, MAX_SUBJECT_LENGTH), text, html };
}

function engine(escapes: boolean, renderLimit: number): Liquid {
  const liquid = new Liquid({
    ...(escapes ? { outputEscape: 'escape' as const } : {}),
    ownPropertyOnly: true,
    strictFilters: true,
    // No file is ever read.
    templates: {},
    cache: false,
    parseLimit: MAX_TEMPLATE_LENGTH,
    renderLimit,
    memoryLimit: MAX_ALLOCATED,
  });
  for (const filter of EXPENSIVE_FILTERS) delete liquid.filters[filter];
  for (const tag of UNAVAILABLE_TAGS) liquid.registerTag(tag, { render: () => refuse(tag) });
  liquid.registerFilter('percent', (value: unknown) => (typeof value === 'number' ? figure(value, 'percent') : ''));
  liquid.registerFilter('usd', (value: unknown) => (typeof value === 'number' ? figure(value, 'usd') : ''));
  return liquid;
}

function refuse(tag: string): never {
  throw new Error(`${tag} is not available`);
}

/** Returns a subject as one line, because it becomes a mail header. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

function cut(text: string): string {
  return cutText(text.trim(), MAX_BODY_LENGTH);
}
