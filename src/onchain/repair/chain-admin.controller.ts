import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiConflictResponse, ApiTags } from '@nestjs/swagger';
import type { Request } from 'express';
import { Audited, Roles } from '../../access/index.js';
import { CsvList } from '../../platform/http/csv.interceptor.js';
import { PageQuery } from '../../platform/http/paging/page.dto.js';
import { ChainSetup } from '../config/setup.dto.js';
import { ChainAdmin } from './chain-admin.js';
import {
  ChainParams,
  ContractBody,
  ContractChange,
  ContractPage,
  ContractParams,
  ContractView,
  CreatedChain,
  DeadLogPage,
  DeadLogParams,
  DeadLogsQuery,
  RereadBody,
  RewindAnswer,
  RewindBody,
  SkipBody,
  type DeadLogView,
} from './chain-admin.dto.js';
import { DeadLogs } from './dead-logs.js';
import { Rewinds } from './rewinds.js';

@ApiTags('admin')
@ApiBearerAuth()
@Roles('admin')
@Controller('v1/admin/onchain')
export class ChainAdminController {
  constructor(
    private readonly admin: ChainAdmin,
    private readonly dead: DeadLogs,
    private readonly rewinds: Rewinds,
  ) {}

  /** Adds a chain with its contracts; processes begin to follow it within a second. Addresses must be public ones. */
  @Post('chains')
  @Audited('onchain_chain.create')
  @ApiConflictResponse({ description: 'The chain is there already.' })
  addChain(@Body() body: ChainSetup, @Req() request: Request): Promise<CreatedChain> {
    // The audit trail has the body: addresses may contain keys.
    request.body = { ...request.body, endpoints: body.endpoints.length };
    return this.admin.addChain(body);
  }

  /** Takes a stopped chain back to a block, also below the final one; it is then followed from there. */
  @Post('chains/:id/rewind')
  @HttpCode(200)
  @Audited('onchain_chain.rewind')
  @ApiConflictResponse({ description: 'The chain is not stopped, or the block is not in its present chain.' })
  rewind(@Param() { id }: ChainParams, @Body() body: RewindBody): Promise<RewindAnswer> {
    return this.rewinds.rewind(id, body);
  }

  /** Adds a contract to a chain, and that of its tokens if it is not there. */
  @Post('contracts')
  @Audited('onchain_contract.create')
  @ApiConflictResponse({ description: 'The chain has the contract already.' })
  addContract(@Body() body: ContractBody): Promise<ContractView> {
    return this.admin.addContract(body);
  }

  /** Lists contracts in the order in which they were added. */
  @Get('contracts')
  @Audited('onchain_contract.list')
  @CsvList<ContractView>('onchain-contracts', [
    'id',
    'chain',
    'address',
    'standard',
    'fromBlock',
    'token',
    'paused',
    'origin',
    'rebuilding',
  ])
  contracts(@Query() query: PageQuery): Promise<ContractPage> {
    return this.admin.contracts(query);
  }

  /** Pauses a contract, or goes on with it. */
  @Patch('contracts/:id')
  @Audited('onchain_contract.change')
  change(@Param() { id }: ContractParams, @Body() body: ContractChange): Promise<ContractView> {
    return this.admin.change(id, body);
  }

  /** Removes a contract with the tokens and points that came from its logs; the logs stay. */
  @Delete('contracts/:id')
  @HttpCode(204)
  @Audited('onchain_contract.delete')
  @ApiConflictResponse({ description: 'Another contract stakes the tokens of this one.' })
  remove(@Param() { id }: ContractParams): Promise<void> {
    return this.admin.remove(id);
  }

  /** Has the logs of a contract read again from a block on. */
  @Post('contracts/:id/reread')
  @HttpCode(202)
  @Audited('onchain_contract.reread')
  @ApiConflictResponse({ description: 'The contract is being rebuilt already.' })
  reread(@Param() { id }: ContractParams, @Body() body: RereadBody): Promise<ContractView> {
    return this.admin.reread(id, body);
  }

  /** Lists logs that could not be decoded or projected and stop their contract. */
  @Get('dead-logs')
  @Audited('onchain_dead_log.list')
  @CsvList<DeadLogView>('onchain-dead-logs', [
    'id',
    'chain',
    'contract',
    'blockNumber',
    'blockHash',
    'logIndex',
    'stage',
    'code',
    'detail',
    'payload',
    'createdAt',
  ])
  deadLogs(@Query() query: DeadLogsQuery): Promise<DeadLogPage> {
    return this.dead.list(query);
  }

  /** Has a log decoded or projected again. */
  @Post('dead-logs/:id/retry')
  @HttpCode(204)
  @Audited('onchain_dead_log.retry')
  @ApiConflictResponse({ description: 'The log still cannot be decoded.' })
  retry(@Param() { id }: DeadLogParams): Promise<void> {
    return this.dead.retry(id);
  }

  /** Leaves a log out, with a reason that the accounts it names see; the contract goes on behind it. */
  @Post('dead-logs/:id/skip')
  @HttpCode(204)
  @Audited('onchain_dead_log.skip')
  skip(@Param() { id }: DeadLogParams, @Body() { reason }: SkipBody): Promise<void> {
    return this.dead.skip(id, reason);
  }
}
