import { TemplateEngine, unknownVariables, type TemplateSource, type RenderedMessage } from './template-engine.js';

export interface RenderInput {
  source: TemplateSource;
  values: object;
  /** Whether to return the variables of the template that the values do not have. */
  checks?: boolean;
}

export interface RenderOutput extends RenderedMessage {
  unknown?: string[];
}

const engine = new TemplateEngine();

/** Renders a user's template; runs in a worker thread. */
export function renderTemplate({ source, values, checks = false }: RenderInput): RenderOutput {
  const rendered = engine.renderForeign(source, values);
  return checks ? { ...rendered, unknown: unknownVariables(source, values) } : rendered;
}
