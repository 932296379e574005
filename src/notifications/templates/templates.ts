import { Injectable } from '@nestjs/common';
import type { AlertMessage } from '../core/delivery.js';

/** A message as a template shows it. `html` is empty for channels without. */
export interface RenderedMessage {
  subject: string;
  text: string;
  html: string;
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

/** Built-in and users' templates. */
@Injectable()
export class Templates {
  /** Whether the user may name this template in a rule. */
  async exists(_userId: string, _name: string): Promise<boolean> {
    return true;
  }

  /** Renders with an example alert; throws `invalid_request` with the template's fault. */
  async preview(_userId: string, _request: PreviewRequest): Promise<RenderedMessage> {
    return { subject: '', text: '', html: '' };
  }
}
