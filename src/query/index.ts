export { CompatModule } from './compat/compat.module.js';
export { QueryModule } from './query.module.js';
export { LiveModule } from './live/live.module.js';
