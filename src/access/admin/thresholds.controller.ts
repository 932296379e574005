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

  /** Lists the changes from which values are published. */
  @Get()
  @Audited('threshold.list')
  @CsvList<ThresholdView>('thresholds', ['metric', 'subject', 'minChangeRatio', 'minChangeAbsolute'])
  list(): Promise<ThresholdList> {
    return this.thresholds.list();
  }

  /** Sets a threshold. Values that are now outside their band are published at once. */
  @Put(':metric/:subject')
  @Audited('threshold.put')
  put(@Param() params: ThresholdParams, @Body() body: ThresholdBody): Promise<ThresholdView> {
    return this.thresholds.put(params, body);
  }

  /** Removes a threshold; its subjects then use the next wider one. */
  @Delete(':metric/:subject')
  @HttpCode(204)
  @Audited('threshold.delete')
  remove(@Param() params: ThresholdParams): Promise<void> {
    return this.thresholds.remove(params);
  }
}
