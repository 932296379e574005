import { Liquid } from 'liquidjs';
import type { RenderedMessage } from './templates.js';

/** A template as it is written. Subject and text are plain text; in `html` every value is escaped. */
export interface TemplateSource {
  subject: string;
  text: string;
  html: string;
}

/** Of a source, in characters. */
export const LONGEST_TEMPLATE = 8_192;
const RENDER_MS = 100;
const MOST_ALLOCATED = 2_000_000;
const LONGEST_SUBJECT = 200;
const LONGEST_BODY = 100_000;

/**
 * Liquid without anything that reaches out: no files, no inherited properties, and limits on what a template may cost. Users
 * write templates, so they are as hostile as any input.
 */
export class TemplateEngine {
  private readonly plain = engine(false);
  private readonly escaping = engine(true);

  /** Throws the template's fault, with its line. */
  render(source: TemplateSource, values: object): RenderedMessage {
    const subject = oneLine(this.plain.parseAndRenderSync(source.subject, values));
    const text = cut(this.plain.parseAndRenderSync(source.text, values));
    const html = source.html === '' ? '' : cut(this.escaping.parseAndRenderSync(source.html, values));
    return { subject: subject.slice(0, LONGEST_SUBJECT), text, html };
  }
}

function engine(escapes: boolean): Liquid {
  const liquid = new Liquid({
    ...(escapes ? { outputEscape: 'escape' as const } : {}),
    ownPropertyOnly: true,
    strictFilters: true,
    // Names of partials are looked up here and nowhere else: there are none.
    templates: {},
    cache: false,
    parseLimit: LONGEST_TEMPLATE,
    renderLimit: RENDER_MS,
    memoryLimit: MOST_ALLOCATED,
  });
  liquid.registerFilter('percent', (value: unknown) => (typeof value === 'number' ? `${round(value * 100)} %` : ''));
  liquid.registerFilter('usd', (value: unknown) => (typeof value === 'number' ? `$${grouped(value)}` : ''));
  return liquid;
}

/** Subjects become headers. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

function cut(text: string): string {
  return text.trim().slice(0, LONGEST_BODY);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function grouped(value: number): string {
  return value.toLocaleString('en-US', {
    maximumSignificantDigits: Math.abs(value) < 1 ? 4 : 12,
    maximumFractionDigits: 2,
  });
}
