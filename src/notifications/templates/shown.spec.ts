import { describe, expect, it } from 'vitest';
import type { AlertMessage } from '../core/delivery.js';
import { BUILT_IN, EXAMPLE_ALERT, EXAMPLE_LINKS } from './built-in.js';
import { shownOf } from './shown.js';
import { TemplateEngine, unknownVariables } from './template-engine.js';

const engine = new TemplateEngine();

/** Alert of the example rule: TVL fell from $1,000 to $880. */
const FALL: AlertMessage = {
  ...EXAMPLE_ALERT,
  name: 'Uniswap TVL Alert',
  type: 'change_pct',
  message: 'Uniswap TVL Alert: TVL of uniswap-v3 fell 12 % within 1 h to $880, from $1,000 at 2026-11-20 09:00 UTC',
  protocol: 'uniswap-v3',
  value: -0.12,
  threshold: -0.1,
  explanation: { conditions: [{ value: -0.12, current: 880, reference: 1_000 }] },
};

function rendered(template: string, alert: AlertMessage, linksInText = true) {
  const source = BUILT_IN[template];
  if (source === undefined) throw new Error(`no template ${template}`);
  return engine.render(source, { ...alert, links: EXAMPLE_LINKS, shown: shownOf(alert, { links: linksInText }) });
}

describe('a rendered alert message', () => {
  it('shows a change and its threshold in percent, and the values before and after', () => {
    const { subject, text, html } = rendered('default', FALL);
    expect(subject).toBe('Alert: Uniswap TVL Alert · uniswap-v3 on ethereum −12 %');
    expect(text).toBe(`TVL of uniswap-v3 fell 12 % within 1 h to $880, from $1,000 at 2026-11-20 09:00 UTC

Value: −12 % ($1,000 → $880)
Threshold: −10 %
Time: 2026-11-20 10:00:00 UTC

Rule: ${EXAMPLE_LINKS['rule']}
History: ${EXAMPLE_LINKS['history']}
Snooze: ${EXAMPLE_LINKS['snooze']}

Unsubscribe: ${EXAMPLE_LINKS['unsubscribe']}`);
    for (const part of ['−12 % ($1,000 → $880)', '−10 %', '10:00:00 UTC', `href="${EXAMPLE_LINKS['snooze']}"`]) {
      expect(html).toContain(part);
    }
  });

  it.each(['default', 'brief', 'tvl_change', 'price_change'])(
    'contains protocol, value and links with the template %s',
    (template) => {
      for (const alert of [FALL, EXAMPLE_ALERT]) {
        const { subject, text, html } = rendered(template, alert);
        expect(subject).toContain(alert.protocol);
        expect(`${subject} ${text}`).toContain(shownOf(alert).value);
        for (const address of Object.values(EXAMPLE_LINKS))
          expect([text, html].map((part) => part.includes(address))).toEqual([true, true]);
        // Chats and pushes show links beside the text.
        expect(rendered(template, alert, false).text).not.toContain('https://');
        // The text does not repeat the rule's name from the title.
        expect(text).not.toContain(alert.name);
      }
    },
  );

  it('is labelled as a test for a test alert', () => {
    const test = {
      ...FALL,
      state: 'test',
      value: null,
      message: 'Uniswap TVL Alert: this is a test, nothing has happened',
    } as const;
    expect(rendered('default', test).subject).toBe('Test: Uniswap TVL Alert');
    expect(rendered('tvl_change', test).subject).toMatch(/^Test: /);
    expect(rendered('default', test).text).toMatch(/^this is a test, nothing has happened\n\nThreshold/);
  });

  it('lists as many of 70 simultaneous alerts as fit and counts the rest', () => {
    const alerts = Array.from({ length: 60 }, (_, n) => ({ message: `Rule ${n}: Price of token${n} is $${n}` }));
    const storm: AlertMessage = {
      ...EXAMPLE_ALERT,
      name: '70 alerts fired',
      type: 'storm',
      message: '70 alerts fired at once: token0 $0, token1 $1 and 68 more',
      value: null,
      threshold: null,
      explanation: { count: 70, alerts },
    };
    const { subject, text, html } = rendered('default', storm);
    expect(subject).toBe('70 alerts fired at once: token0 $0, token1 $1 and 68 more');
    const lines = text.split('\n');
    const listed = lines.filter((line) => line.startsWith('- Rule'));
    expect(listed.length).toBeGreaterThan(30);
    expect(lines).toContain(`and ${70 - listed.length} more`);
    expect(text).toContain(EXAMPLE_LINKS['history']);
    expect(html).toContain('<li>Rule 0: Price of token0 is $0</li>');
  });

  it('names subject and value of each listed alert, however long the name of its rule is', () => {
    const name = '👨‍👩‍👧‍👦'.repeat(23);
    const sentence = `Price of ethereum:0x${'a'.repeat(40)} is $150, above $100`;
    const { lines } = shownOf({ ...FALL, explanation: { alerts: [{ name, message: `${name}: ${sentence}` }] } });
    expect(lines[0]).toMatch(/^👨.*…: /u);
    expect(lines[0]).toContain(sentence);
  });

  it('can be built from older alert data without a time or a list', () => {
    expect(shownOf({})).toMatchObject({ title: 'Alert: ', value: '', change: '', lines: [], more: 0, time: '' });
    expect(shownOf({ ...FALL, explanation: { omitted: true } })).toMatchObject({ value: '−12 %', change: '' });
  });
});

describe('variables of a template', () => {
  it('are reported if no alert has them', () => {
    const source = {
      subject: '{{ name }}{{ nmae }}',
      text: '{% for c in explanation.conditions %}{{ c.value }}{% endfor %}{{ explanation.conditions.size }}{{ explanation.conditions.first.value }}{{ token.symbol }}{{ name.size }}',
      html: '{% if explanation.previous %}{{ links.rule }}{% endif %}{{ shown.value }}{{ explanation.conditions[0].nothing }}',
    };
    const values = { ...EXAMPLE_ALERT, token: null, links: EXAMPLE_LINKS, shown: shownOf(EXAMPLE_ALERT) };
    expect(unknownVariables(source, values)).toEqual([
      'nmae',
      'explanation.previous',
      'explanation.conditions.0.nothing',
    ]);
  });

  it('are all known in the built-in templates', () => {
    const values = { ...EXAMPLE_ALERT, token: null, links: EXAMPLE_LINKS, shown: shownOf(EXAMPLE_ALERT) };
    for (const source of Object.values(BUILT_IN)) expect(unknownVariables(source, values)).toEqual([]);
  });
});
