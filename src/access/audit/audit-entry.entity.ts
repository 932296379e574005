import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Entry of the audit trail. The application can only insert entries: the database refuses to change or delete them. */
@Entity('audit_log')
export class AuditEntryEntity {
  @PrimaryColumn({ type: 'bigint', insert: false })
  id!: number;

  @Column({ type: 'timestamptz', insert: false })
  at!: Date;

  @Column({ type: 'text' })
  actor!: string;

  @Column({ type: 'text' })
  action!: string;

  @Column({ type: 'text', nullable: true })
  subject!: string | null;

  @Column({ type: 'text' })
  outcome!: 'ok' | 'refused';

  @Column({ type: 'jsonb', nullable: true })
  detail!: object | null;

  @Column({ type: 'text', nullable: true })
  address!: string | null;

  @Column({ name: 'request_id', type: 'text', nullable: true })
  requestId!: string | null;
}
