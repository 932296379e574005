import { Body, Controller, Delete, Get, HttpCode, Param, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { CsvList } from '../../platform/http/csv.interceptor.js';
import { Audited } from '../audit/audited.interceptor.js';
import { Roles } from '../guard/roles.decorator.js';
import { ThresholdBody, ThresholdList, ThresholdParams, ThresholdView } from './threshold.dto.js';
import { Thresholds } from './thresholds.js';

@ApiTags('Administration')
@ApiBearerAuth()
@Roles('admin')
@Controller('v1/admin/thresholds')
export class ThresholdsController {
  constructor(private readonly thresholds: Thresholds) {}

  /** Lists the thresholds: the smallest changes of a value that are published. */
  @Get()
  @Audited('threshold.list')
  @CsvList<ThresholdView>('thresholds', ['metric', 'subject', 'minChangeRatio', 'minChangeAbsolute'])
  list(): Promise<ThresholdList> {
    return this.thresholds.list();
  }

  /**
   * Sets a threshold. Values that differ from their last published value by the new threshold or more are published
   * immediately.
   */
  @Put(':metric/:subject')
  @Audited('threshold.put')
  put(@Param() params: ThresholdParams, @Body() body: ThresholdBody): Promise<ThresholdView> {
    return this.thresholds.put(params, body);
  }

  /** Removes a threshold. Its subject then uses the threshold of `*`; without one, the built-in default applies. */
  @Delete(':metric/:subject')
  @HttpCode(204)
  @Audited('threshold.delete')
  remove(@Param() params: ThresholdParams): Promise<void> {
    return this.thresholds.remove(params);
  }
}
