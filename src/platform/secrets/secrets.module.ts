import { Global, Module } from '@nestjs/common';
import { Settings } from '../settings/settings.js';
import { SecretBox } from './secret-box.js';
import { openSecretBox } from './secrets-key.js';

/** SecretBox for secrets that are stored in the database. */
@Global()
@Module({
  providers: [{ provide: SecretBox, inject: [Settings], useFactory: openSecretBox }],
  exports: [SecretBox],
})
export class SecretsModule {}
