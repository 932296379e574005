import { SetMetadata, type CustomDecorator } from '@nestjs/common';
import type { Role } from '../caller.js';

export const ROLE_METADATA = 'access:role';

/** The least role that may use the controller or handler. Without it: any valid key. */
export const Roles = (role: Role): CustomDecorator => SetMetadata(ROLE_METADATA, role);

export const RARE_METADATA = 'access:rare';

/** A deed that leaves a line in the audit trail each time, open to every role: a user has ten a minute of all of them. */
export const Rare = (): CustomDecorator => SetMetadata(RARE_METADATA, true);

export const ANONYMOUS_METADATA = 'access:anonymous';

export type Anonymous = 'always' | 'by setting';

/**
 * A request without a key is served too, counted against its address: always, or if COMPAT_ANONYMOUS says so. A key that is
 * shown must be a good one.
 */
export const AnonymousAllowed = (when: Anonymous = 'by setting'): CustomDecorator =>
  SetMetadata(ANONYMOUS_METADATA, when);

// Health and metrics, which know nothing of access, mark their routes with the same decorator.
export { Public, PUBLIC_ROUTE as PUBLIC_METADATA } from '../../platform/http/public.js';
