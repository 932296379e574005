import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { BUILT_IN } from './built-in.js';
import { TemplateEntity } from './template.entity.js';
import { Templates } from './templates.js';
import type { TemplateBody, TemplateView } from './templates.dto.js';

/** Maximum number of templates of one user. */
const MAX_TEMPLATES = 50;

/** Users' own templates. */
@Injectable()
export class TemplateLibrary {
  constructor(
    @InjectRepository(TemplateEntity) private readonly own: Repository<TemplateEntity>,
    private readonly database: Database,
    private readonly templates: Templates,
  ) {}

  async list(userId: string): Promise<TemplateView[]> {
    const own = await this.own.find({ where: { userId }, order: { name: 'ASC' } });
    const names = new Set(own.map(({ name }) => name));
    const builtIn = Object.entries(BUILT_IN).filter(([name]) => !names.has(name));
    return [...own.map(viewOf), ...builtIn.map(([name, source]) => ({ name, ...source, builtIn: true }))];
  }

  async get(userId: string, name: string): Promise<TemplateView> {
    const found = (await this.list(userId)).find((template) => template.name === name);
    if (found === undefined) throw new DomainError('not_found', 'Template not found.');
    return found;
  }

  /** Creates or replaces a template; throws `invalid_request` if it cannot be rendered. */
  async put(userId: string, name: string, { subject, text, html = '' }: TemplateBody): Promise<TemplateView> {
    await this.templates.check(userId, { subject, text, html });
    // Plain SQL: one statement counts the user's templates and stores this one.
    const [row] = await this.database.query<TemplateRow>(
      `INSERT INTO notification_templates (user_id, name, subject, text, html)
       SELECT $1, $2, $3, $4, $5 WHERE EXISTS (SELECT FROM notification_templates WHERE user_id = $1 AND name = $2)
         OR (SELECT count(*) FROM notification_templates WHERE user_id = $1) < $6
       ON CONFLICT (user_id, name) DO UPDATE SET subject = excluded.subject, text = excluded.text, html = excluded.html,
         updated_at = now()
       RETURNING name, subject, text, html`,
      [userId, name, storable(subject), storable(text), storable(html), MAX_TEMPLATES],
    );
    if (row === undefined)
      throw new DomainError('limit_exceeded', `A user must have at most ${MAX_TEMPLATES} templates.`);
    this.templates.forget(userId, name);
    return viewOf(row);
  }

  async remove(userId: string, name: string): Promise<void> {
    const { affected } = await this.own.delete({ userId, name });
    if (affected === 0) throw new DomainError('not_found', 'Template not found.');
    this.templates.forget(userId, name);
  }
}

type TemplateRow = Pick<TemplateEntity, 'name' | 'subject' | 'text' | 'html'>;

function viewOf({ name, subject, text, html }: TemplateRow): TemplateView {
  return { name, subject, text, html, builtIn: false };
}

/** Returns a text that PostgreSQL can store: without NUL and lone surrogates. */
function storable(text: string): string {
  return text.replaceAll('\0', '').toWellFormed();
}
