import { CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

/** Owner of keys and of everything made with them. */
@Entity('users')
export class UserEntity {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  @CreateDateColumn({ name: 'created_at', type: 'timestamptz' })
  createdAt!: Date;
}
