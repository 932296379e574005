import { SetMetadata, type CustomDecorator } from '@nestjs/common';
import type { Role } from '../caller.js';

export const ROLE_METADATA = 'access:role';
export const PUBLIC_METADATA = 'access:public';

/** The least role that may use the controller or handler. Without it: any valid key. */
export const Roles = (role: Role): CustomDecorator => SetMetadata(ROLE_METADATA, role);

/** No key is asked for, and nothing is counted. */
export const Public = (): CustomDecorator => SetMetadata(PUBLIC_METADATA, true);
