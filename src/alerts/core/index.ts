export * from './backtest.js';
export * from './check-rule.js';
export * from './evaluator.js';
export * from './market-row.js';
export * from './rule.js';
export * from './saved-state.js';
export * from './transition.js';
