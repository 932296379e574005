import { SetMetadata, type CustomDecorator } from '@nestjs/common';
import type { Role } from '../caller.js';

export const ROLE_METADATA = 'access:role';

/** Sets the lowest role that may use the controller or handler. Without this decorator, any valid key may. */
export const Roles = (role: Role): CustomDecorator => SetMetadata(ROLE_METADATA, role);

export const RARE_METADATA = 'access:rare';

/**
 * Marks an action that is open to every role and audited each time. A user may perform ten such actions a minute in total.
 */
export const Rare = (): CustomDecorator => SetMetadata(RARE_METADATA, true);

export const ANONYMOUS_METADATA = 'access:anonymous';

export type Anonymous = 'always' | 'by setting';

/**
 * Also serves requests without a key, which count for their address. `by setting`: only if COMPAT_ANONYMOUS is set. If the
 * request contains a key, the key must be valid.
 */
export const AnonymousAllowed = (when: Anonymous = 'by setting'): CustomDecorator =>
  SetMetadata(ANONYMOUS_METADATA, when);

// Re-export: the decorator is in platform, because health and metrics use it and must not depend on this module.
export { Public, PUBLIC_ROUTE as PUBLIC_METADATA } from '../../platform/request/public.js';
