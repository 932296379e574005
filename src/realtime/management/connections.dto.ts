import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Length } from 'class-validator';
import type { TransportName } from '../core/wire/link.js';
import { PageInfo, PageQuery } from '../../platform/http/paging/page.dto.js';

export class ConnectionListQuery extends PageQuery {
  /** Only connections of this user; users other than yourself require role admin. */
  @IsOptional()
  @IsString()
  @Length(1, 255)
  userId?: string;

  /** Only connections of the key with this id. */
  @IsOptional()
  @IsString()
  @Length(1, 300)
  key?: string;

  /** Only connections from this address. */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  address?: string;

  /** Only connections of this transport. */
  @IsOptional()
  @IsIn(['socketio', 'websocket', 'sse'])
  transport?: TransportName;

  /**
   * Text in the id, user, key, address or user agent of the connections, ignoring case.
   * @example "python"
   */
  @IsOptional()
  @IsString()
  @Length(1, 200)
  text?: string;
}

export class DisconnectQuery {
  /** `true`: permanently. The key may not connect from that address for 60 s. */
  @IsOptional()
  @IsIn(['true', 'false'])
  @ApiProperty({ type: 'boolean', required: false, default: false })
  final?: 'true' | 'false';
}

export class ConnectionParams {
  /** Id of the connection, as `connected` named it. */
  @IsString()
  @Length(1, 200)
  id!: string;
}

class ConnectionMetadata {
  /** @example "Mozilla/5.0" */
  userAgent!: string | null;

  /** @example "203.0.113.7" */
  ipAddress!: string;

  /** Region of the server that holds the connection. */
  region!: string | null;
}

export class Connection {
  /** @example "6f1c1f0e-7d0b-4a86-8f0e-0f6f4b6a2f11" */
  connectionId!: string;

  userId!: string;

  /** Id of the key that opened the connection. */
  keyId!: string;

  /** @example "2026-11-20T12:00:00.000Z" */
  connectedAt!: string;

  /** Time of the client's last message. */
  lastActivity!: string;

  /**
   * socketio, websocket or sse.
   * @example "websocket"
   */
  transport!: string;

  metadata!: ConnectionMetadata;

  /** Number of the connection's subscriptions. */
  @ApiProperty({ type: 'integer' })
  subscriptions!: number;
}

export class ConnectionPage {
  data!: Connection[];
  page!: PageInfo;
}

class ConnectionStats {
  @ApiProperty({ type: 'integer' })
  total!: number;

  @ApiProperty({ type: 'integer' })
  socketio!: number;

  @ApiProperty({ type: 'integer' })
  websocket!: number;

  @ApiProperty({ type: 'integer' })
  sse!: number;
}

export class SubscriptionStats {
  /** Open connections of all processes that answer within a second: your own, or all for admins. */
  connections!: ConnectionStats;

  /** Subscriptions of these connections. */
  @ApiProperty({ type: 'integer' })
  subscriptions!: number;

  /** Number of subscriptions by type; those to channels, by channel name. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'integer' } })
  byName!: Record<string, number>;

  /** Position of the newest event that was routed to clients. */
  cursor!: string;
}
