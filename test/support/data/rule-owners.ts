import { RestCaller } from '../clients/rest-caller.js';
import { createTestApp, type TestApp } from '../servers/create-test-app.js';

export const PATH = '/v1/alerts/rules';

export const PRICE = { token: 'bitcoin', metric: 'price', operator: 'gt', threshold: 70_000 };

export const RULE = { name: 'bitcoin high', conditions: [PRICE] };

/** Returns the path of a rule. */
export const one = (ruleId: string, more = ''): string => `${PATH}/${ruleId}${more}`;

/** Application with two users, each with rules of its own: 100 at most. Targets need no confirmation. */
export async function ruleOwners(): Promise<{ app: TestApp; alice: RestCaller; mallory: RestCaller }> {
  const app = await createTestApp({
    settings: {
      LIMIT_API_REQUESTS: 'free=0,pro=0,enterprise=0',
      LIMIT_ALERT_RULES: 'free=3,pro=100,enterprise=1000',
      VERIFY_TARGETS: 'false',
      EGRESS_ALLOW: '127.0.0.0/8',
    },
  });
  const [alice, mallory] = await Promise.all([
    RestCaller.of(app, 'alice', { tier: 'pro' }),
    RestCaller.of(app, 'mallory', { tier: 'pro' }),
  ]);
  return { app, alice, mallory };
}
