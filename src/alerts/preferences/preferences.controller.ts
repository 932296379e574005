import { Body, Controller, Get, Patch, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, Roles, type Caller } from '../../access/index.js';
import { Preferences } from '../../notifications/index.js';
import { ChangePreferencesBody, PreferencesBody, PreferencesView } from './preferences.dto.js';

@ApiTags('alerts')
@ApiBearerAuth()
@Roles('reader')
@Controller('v1/alerts/preferences')
export class PreferencesController {
  constructor(private readonly preferences: Preferences) {}

  /** Returns the user's preferences of notifications: subjects, channels and times. */
  @Get()
  read(@CurrentCaller() { userId }: Caller): Promise<PreferencesView> {
    return this.preferences.shown(userId);
  }

  /** Replaces all preferences: a field that is not given gets its default. */
  @Put()
  async replace(@Body() body: PreferencesBody, @CurrentCaller() { userId }: Caller): Promise<PreferencesView> {
    await this.preferences.replace(userId, body);
    return this.preferences.shown(userId);
  }

  /** Changes the given fields, single times too; everything else stays as it is. */
  @Patch()
  async change(@Body() body: ChangePreferencesBody, @CurrentCaller() { userId }: Caller): Promise<PreferencesView> {
    await this.preferences.change(userId, body);
    return this.preferences.shown(userId);
  }
}
