export { CompatModule } from './compat/compat.module.js';
