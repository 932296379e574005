import { Body, Controller, Get, Patch, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, Roles, type Caller } from '../../access/index.js';
import { PreferenceStore } from '../../notifications/index.js';
import { ChangePreferencesBody, PreferencesBody, PreferencesView } from './preferences.dto.js';

@ApiTags('alerts')
@ApiBearerAuth()
@Roles('reader')
@Controller('v1/alerts/preferences')
export class PreferencesController {
  constructor(private readonly preferences: PreferenceStore) {}

  /** Returns the user's notification preferences: channels, quiet hours and digest. */
  @Get()
  read(@CurrentCaller() { userId }: Caller): Promise<PreferencesView> {
    return this.preferences.shown(userId);
  }

  /** Replaces all preferences: omitted fields get their defaults. */
  @Put()
  async replace(@Body() body: PreferencesBody, @CurrentCaller() { userId }: Caller): Promise<PreferencesView> {
    await this.preferences.replace(userId, body);
    return this.preferences.shown(userId);
  }

  /** Changes only the given fields, also within `quietHours` and `digest`. */
  @Patch()
  async change(@Body() body: ChangePreferencesBody, @CurrentCaller() { userId }: Caller): Promise<PreferencesView> {
    await this.preferences.change(userId, body);
    return this.preferences.shown(userId);
  }
}
