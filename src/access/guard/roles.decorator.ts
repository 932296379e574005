import { SetMetadata, type CustomDecorator } from '@nestjs/common';
import type { Role } from '../caller.js';

export const ROLE_METADATA = 'access:role';

/** The least role that may use the controller or handler. Without it: any valid key. */
export const Roles = (role: Role): CustomDecorator => SetMetadata(ROLE_METADATA, role);

export const ANONYMOUS_METADATA = 'access:anonymous';

/** With COMPAT_ANONYMOUS a request without a key is served too, counted against its address in the free tier's limit. */
export const AnonymousAllowed = (): CustomDecorator => SetMetadata(ANONYMOUS_METADATA, true);

// Health and metrics, which know nothing of access, mark their routes with the same decorator.
export { Public, PUBLIC_ROUTE as PUBLIC_METADATA } from '../../platform/http/public.js';
