export * from './caller.js';
export { AccessEvents, type EndReason } from './access-events.js';
export { AccessModule } from './access.module.js';
export { AccessService } from './access.service.js';
export { Audit, type AuditRecord } from './audit/audit.js';
export { secretFromHandshake, secretFromHeaders, secretFromRequest, type RequestParts } from './credentials.js';
export { CurrentCaller } from './guard/current-caller.decorator.js';
export { Public, Roles } from './guard/roles.decorator.js';
export { UsageLimits, type Usage } from './limits/usage-limits.js';
