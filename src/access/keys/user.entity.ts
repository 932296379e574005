import { CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

/** User: owner of keys and of everything created with them. */
@Entity('users')
export class UserEntity {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  @CreateDateColumn({ name: 'created_at', type: 'timestamptz' })
  createdAt!: Date;
}
