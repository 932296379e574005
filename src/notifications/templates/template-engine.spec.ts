import { afterEach, describe, expect, it, vi } from 'vitest';
import { BUILT_IN, EXAMPLE_ALERT } from './built-in.js';
import { shownOf } from './shown.js';
import { TemplateEngine, unknownVariables, type TemplateSource } from './template-engine.js';

const engine = new TemplateEngine();
const source = (text: string): TemplateSource => ({ subject: 's', text, html: '' });

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the template engine', () => {
  it.each([
    ['a filter of quadratic cost', '{% assign a = (1..99999) %}{{ a | where_exp: "x", "a contains -1" }}'],
    [
      'a single very long condition',
      `{% assign a = (1..200000) %}{% if ${Array(300).fill('a contains -1').join(' or ')} %}x{% endif %}`,
    ],
  ])('stops an expensive user template: %s', (_, text) => {
    expect(() => engine.renderForeign(source(text), {})).toThrow(/timed out|limit exceeded|undefined filter/);
    expect(engine.renderForeign(source('{{ a }}'), { a: 1 })).toEqual({ subject: 's', text: '1', html: '' });
  });

  it.each(['include', 'render', 'layout'])('refuses the tag %s and names it in the error', (tag) => {
    const partial = source(`{% if a %}{% ${tag} 'header' %}{% endif %}`);
    expect(() => engine.renderForeign(partial, { a: 1 })).toThrow(`${tag} is not available`);
    expect(engine.renderForeign(partial, {}).text).toBe('');
    expect(unknownVariables(partial, { a: 1 })).toEqual([]);
  });

  it('applies the time limit to user templates but not to built-in templates', () => {
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => (now += 1_000));
    const [own] = Object.values(BUILT_IN);
    const values = { ...EXAMPLE_ALERT, shown: shownOf(EXAMPLE_ALERT) };
    expect(own && engine.render(own, values).subject).toBe(
      'Alert: Aave below 30 billion · aave-v3 on ethereum $29.41 B',
    );
    expect(() => own && engine.renderForeign(own, values)).toThrow('limit exceeded');
  });

  it('cuts a long mail subject at a character boundary', () => {
    const families = '👨‍👩‍👧‍👦'.repeat(40);
    const { subject, text } = engine.render({ subject: families, text: families, html: '' }, {});
    expect(subject).toBe(`${'👨‍👩‍👧‍👦'.repeat(18)}…`);
    expect(text).toBe(families);
  });
});
