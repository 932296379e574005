import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiTags } from '@nestjs/swagger';
import { CsvList } from '../../platform/http/csv.interceptor.js';
import { Audited } from '../audit/audited.interceptor.js';
import type { Caller } from '../caller.js';
import { CurrentCaller } from '../current-caller.decorator.js';
import { Roles } from '../guard/roles.decorator.js';
import { ApiKeyAdmin } from './api-key-admin.js';
import {
  ChangeKeyBody,
  CreatedKeyView,
  CreateKeyBody,
  KeyPage,
  KeyView,
  ListKeysQuery,
  RotateKeyBody,
} from './api-key.dto.js';
import { IdempotencyKey } from '../../platform/http/idempotency-key.decorator.js';

@ApiTags('Administration')
@ApiBearerAuth()
@Roles('admin')
@Controller('v1/admin/api-keys')
export class ApiKeysController {
  constructor(private readonly keys: ApiKeyAdmin) {}

  /** Creates a key. Only this answer shows the complete key. */
  @Post()
  @Audited('api_key.create')
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description: 'A request repeated with this key within 10 minutes gets the same answer.',
  })
  create(
    @Body() body: CreateKeyBody,
    @CurrentCaller() caller: Caller,
    @IdempotencyKey() idempotencyKey?: string,
  ): Promise<CreatedKeyView> {
    return this.keys.create(body, caller, idempotencyKey);
  }

  /** Lists keys in descending order of creation. */
  @Get()
  @Audited('api_key.list')
  @CsvList<KeyView>('api-keys', [
    'id',
    'userId',
    'name',
    'role',
    'tier',
    'state',
    'subscriptionTypes',
    'transports',
    'limits',
    'createdAt',
    'createdBy',
    'expiresAt',
    'revokedAt',
    'rotatedTo',
  ])
  list(@Query() query: ListKeysQuery): Promise<KeyPage> {
    return this.keys.list(query);
  }

  /** Returns one key. */
  @Get(':id')
  @Audited('api_key.read')
  get(@Param('id') id: string): Promise<KeyView> {
    return this.keys.get(id);
  }

  /**
   * Changes the rights of a key; its open connections get the new rights, too. `limits` replaces all limits that the key
   * overrides.
   */
  @Patch(':id')
  @Audited('api_key.change')
  change(@Param('id') id: string, @Body() body: ChangeKeyBody): Promise<KeyView> {
    return this.keys.change(id, body);
  }

  /** Revokes a key: it is refused from now on, and its connections end within 5 s. */
  @Delete(':id')
  @HttpCode(204)
  @Audited('api_key.revoke')
  revoke(@Param('id') id: string): Promise<void> {
    return this.keys.revoke(id);
  }

  /** Replaces a key with a new key of the same user and rights; the old key stays valid for the overlap. */
  @Post(':id/rotate')
  @Audited('api_key.rotate')
  @ApiHeader({ name: 'Idempotency-Key', required: false })
  rotate(
    @Param('id') id: string,
    @Body() body: RotateKeyBody,
    @CurrentCaller() caller: Caller,
    @IdempotencyKey() idempotencyKey?: string,
  ): Promise<CreatedKeyView> {
    return this.keys.rotate(id, body, caller, idempotencyKey);
  }
}
