export * from './core/index.js';
export { OnchainModule } from './onchain.module.js';
