export {
  ROLES,
  SUBSCRIPTION_TYPES,
  type SubscriptionType,
  type Limits,
  type Caller,
  type Credentials,
  roleIncludes,
} from './caller.js';
export { AccessEvents, type EndReason } from './access-events.js';
export { AccessModule } from './access.module.js';
export { AdminKey } from './keys/admin-key.js';
export { SystemFacts } from './admin/system-facts.js';
export { AccessService } from './access.service.js';
export { Audit, actorOf } from './audit/audit.js';
export { Audited } from './audit/audited.interceptor.js';
export { secretFromHandshake, secretFromRequest } from './credentials.js';
export { CurrentCaller } from './current-caller.decorator.js';
export { countedPages } from './guard/counted-pages.js';
export { UnknownRouteModule } from './guard/unknown-route.controller.js';
export { AnonymousAllowed, Public, Rare, Roles } from './guard/roles.decorator.js';
export { StrangerLimits, type StrangerPlace } from './limits/stranger-limits.js';
export { RequestLimits } from './limits/request-limits.js';
export { StoredUsage, type Stored } from './limits/stored-usage.js';
export { UsageLimits } from './limits/usage-limits.js';
