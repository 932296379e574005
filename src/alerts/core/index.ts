export * from './backtest.js';
export * from './check-rule.js';
export { defaultDeadBand, type DeadBand } from './compile-rule.js';
export * from './evaluator.js';
export * from './market-row.js';
export * from './parse-conditions.js';
export * from './rule.js';
export * from './saved-state.js';
export * from './transition.js';
