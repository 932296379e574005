import { TemplateEngine, type TemplateSource } from './template-engine.js';
import type { RenderedMessage } from './templates.js';

export interface RenderInput {
  source: TemplateSource;
  values: object;
}

const engine = new TemplateEngine();

/** Renders what a user wrote; runs in a worker thread. */
export function renderTemplate({ source, values }: RenderInput): RenderedMessage {
  return engine.renderForeign(source, values);
}
