import { Body, Controller, Get, Patch, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, Roles, type Caller } from '../../access/index.js';
import { DEFAULT_PREFERENCES, Preferences, type UserPreferences } from '../../notifications/index.js';
import { PreferencesBody, PreferencesView } from './preferences.dto.js';

@ApiTags('alerts')
@ApiBearerAuth()
@Roles('reader')
@Controller('v1/alerts/preferences')
export class PreferencesController {
  constructor(private readonly preferences: Preferences) {}

  /** What the user wants to be told, where and when. */
  @Get()
  read(@CurrentCaller() { userId }: Caller): Promise<PreferencesView> {
    return this.preferences.of(userId);
  }

  /** Replaces all preferences: what is not given gets its default. */
  @Put()
  replace(@Body() body: PreferencesBody, @CurrentCaller() { userId }: Caller): Promise<PreferencesView> {
    return this.preferences.change(userId, { ...DEFAULT_PREFERENCES, ...changesOf(body, DEFAULT_PREFERENCES) });
  }

  /** Changes the given preferences. */
  @Patch()
  async change(@Body() body: PreferencesBody, @CurrentCaller() { userId }: Caller): Promise<PreferencesView> {
    return this.preferences.change(userId, changesOf(body, await this.preferences.of(userId)));
  }
}

function changesOf(
  { channels, quietHours, digest, unsubscribed }: PreferencesBody,
  base: UserPreferences,
): Partial<UserPreferences> {
  return {
    ...(channels === undefined ? {} : { channels: Object.assign({}, base.channels, channels) }),
    ...(quietHours === undefined
      ? {}
      : { quietHours: quietHours && Object.assign({ allowCritical: true }, quietHours) }),
    ...(digest === undefined ? {} : { digest: digest && Object.assign({ at: '08:00' }, digest) }),
    ...(unsubscribed === undefined ? {} : { unsubscribed }),
  };
}
