import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiConflictResponse, ApiTags } from '@nestjs/swagger';
import { Roles } from '../../access/index.js';
import { RepairRange, ReplayParams, ReplayView, VerifyAnswer } from './range-repairs.dto.js';
import { RangeRepairs } from './range-repairs.js';

@ApiTags('onchain')
@ApiBearerAuth()
@Roles('writer')
@Controller('v1/onchain')
export class RangeRepairsController {
  constructor(private readonly repairs: RangeRepairs) {}

  /**
   * Has the logs of a range read again in the background; those that are missing are stored and projected in their place.
   * @remarks At most 1,000,000 blocks, and four ranges of a key at a time; the keys take turns. The same range while it is
   * read answers how far it is.
   */
  @Post('replay')
  @HttpCode(202)
  @ApiConflictResponse({ description: 'The chain is paused or stopped, or has no endpoints.' })
  replay(@Body() body: RepairRange): Promise<ReplayView> {
    return this.repairs.replay(body);
  }

  /** Returns how far a replay is; it is known for a day after its end. */
  @Get('replay/:id')
  find(@Param() { id }: ReplayParams): Promise<ReplayView> {
    return this.repairs.find(id);
  }

  /**
   * Compares the stored logs of a range with those of an endpoint, the second one if there is one, by a digest of each 1,000
   * blocks. Logs that are missing are stored.
   * @remarks At most 10,000 blocks. The digest is over the logs in the order of the chain.
   */
  @Post('verify')
  @HttpCode(200)
  @ApiConflictResponse({ description: 'The chain is paused or stopped, or has no endpoints.' })
  verify(@Body() body: RepairRange): Promise<VerifyAnswer> {
    return this.repairs.verify(body);
  }
}
