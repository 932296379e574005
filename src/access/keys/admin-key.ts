import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { errorCode } from '../../platform/errors/error-code.js';
import { dataDirectory } from '../../platform/settings/data-directory.js';
import { Settings } from '../../platform/settings/settings.js';
import { ApiKeyEntity } from './api-key.entity.js';
import { formatApiKey, hashSecret, newApiKey, parseApiKey, secretMatches, type ApiKeyParts } from '../api-key-text.js';
import { UserEntity } from './user.entity.js';

const ADMIN_USER = 'admin';
/** Length below which a secret of BOOTSTRAP_ADMIN_KEY causes a warning, characters. */
const SHORT_SECRET_LENGTH = 24;

/**
 * Ensures that an administrator's key exists: the key in BOOTSTRAP_ADMIN_KEY. If it is not set and the database is embedded,
 * a key is generated once and kept in DATA_DIR/admin.key, readable by its owner only.
 */
@Injectable()
export class AdminKey implements OnModuleInit {
  /** Key that this start generated; shown once in the start message. */
  newAdminKey: string | undefined;
  /** File that contains the generated key. */
  adminKeyFile: string | undefined;
  private readonly logger = new Logger(AdminKey.name);

  constructor(
    private readonly settings: Settings,
    private readonly source: DataSource,
  ) {}

  async onModuleInit(): Promise<void> {
    const given = this.settings.bootstrapAdminKey;
    if (given !== undefined) await this.ensureGiven(given);
    else if (this.settings.embedded)
      await this.ensureGenerated(join(dataDirectory(this.settings.dataDir), 'admin.key'));
  }

  private async ensureGiven(given: string): Promise<void> {
    const parts = parseApiKey(given);
    if (!parts)
      throw new Error('BOOTSTRAP_ADMIN_KEY: the id must have at most 64 characters and the secret at most 128.');
    if (parts.secret.length < SHORT_SECRET_LENGTH)
      this.logger.warn(
        { characters: SHORT_SECRET_LENGTH },
        'secret of BOOTSTRAP_ADMIN_KEY is shorter than recommended',
      );
    const key = await this.ensure(parts);
    if (!secretMatches(parts.secret, key.secretHash)) {
      throw new Error('BOOTSTRAP_ADMIN_KEY: a key with this id and another secret exists; choose another id.');
    }
    if (isOver(key))
      this.logger.warn({ keyId: key.id }, 'BOOTSTRAP_ADMIN_KEY has been revoked or has expired; set another key');
  }

  private async ensureGenerated(file: string): Promise<void> {
    this.adminKeyFile = file;
    const kept = parseApiKey(await contentOf(file));
    if (kept && !isOver(await this.ensure(kept))) return;
    const made = newApiKey();
    await this.ensure(made);
    await writePrivate(file, formatApiKey(made));
    this.newAdminKey = formatApiKey(made);
  }

  private async ensure({ id, secret }: ApiKeyParts): Promise<ApiKeyEntity> {
    const row = {
      id,
      secretHash: hashSecret(secret),
      userId: ADMIN_USER,
      name: 'first administrator',
      createdBy: 'system',
    };
    const rights = { role: 'admin' as const, tier: 'enterprise' as const, limits: {} };
    return this.source.transaction(async (manager) => {
      await manager.createQueryBuilder().insert().into(UserEntity).values({ id: ADMIN_USER }).orIgnore().execute();
      const insert = manager
        .createQueryBuilder()
        .insert()
        .into(ApiKeyEntity)
        .values({ ...row, ...rights });
      await insert.orIgnore().updateEntity(false).execute();
      await manager.update(ApiKeyEntity, { id, secretHash: row.secretHash }, { role: rights.role, tier: rights.tier });
      return manager.findOneByOrFail(ApiKeyEntity, { id });
    });
  }
}

function isOver(key: ApiKeyEntity): boolean {
  return key.revokedAt !== null || (key.expiresAt !== null && key.expiresAt.getTime() <= Date.now());
}

async function contentOf(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  }
}

async function writePrivate(file: string, text: string): Promise<void> {
  await writeFile(file, `${text}\n`, { mode: 0o600 });
  // `mode` above applies only when the file is created.
  await chmod(file, 0o600);
}
