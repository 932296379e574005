import { SetMetadata, type CustomDecorator } from '@nestjs/common';
import type { Role } from '../caller.js';

export const ROLE_METADATA = 'access:role';

/** Sets the lowest role that may use the controller or handler. Without it: any valid key. */
export const Roles = (role: Role): CustomDecorator => SetMetadata(ROLE_METADATA, role);

export const RARE_METADATA = 'access:rare';

/** Marks an action, open to every role, that is audited each time: a user has ten a minute of all of them. */
export const Rare = (): CustomDecorator => SetMetadata(RARE_METADATA, true);

export const ANONYMOUS_METADATA = 'access:anonymous';

export type Anonymous = 'always' | 'by setting';

/**
 * Serves requests without a key too, counted against their address: always, or if COMPAT_ANONYMOUS allows it. A key in the
 * request must be valid.
 */
export const AnonymousAllowed = (when: Anonymous = 'by setting'): CustomDecorator =>
  SetMetadata(ANONYMOUS_METADATA, when);

// Re-export of the decorator with which health and metrics, which do not depend on access, mark their routes.
export { Public, PUBLIC_ROUTE as PUBLIC_METADATA } from '../../platform/http/public.js';
