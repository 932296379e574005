import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import webPush from 'web-push';
import { errorCode } from '../../../platform/errors/error-code.js';
import { dataDirectory } from '../../../platform/settings/data-directory.js';
import type { Settings } from '../../../platform/settings/settings.js';

export interface VapidKeys {
  publicKey: string;
  privateKey: string;
}

const FILE = 'vapid.json';

/**
 * Returns the key pair that identifies this service to browsers. Without a pair in the settings, one is created once and
 * stored in DATA_DIR/vapid.json. Processes on several machines need the settings, because subscriptions belong to one
 * pair.
 */
export function vapidKeys({ vapidPublicKey, vapidPrivateKey, dataDir }: Settings): VapidKeys {
  if (vapidPublicKey !== undefined && vapidPrivateKey !== undefined) {
    return { publicKey: vapidPublicKey, privateKey: vapidPrivateKey };
  }
  const file = join(dataDirectory(dataDir), FILE);
  const made = webPush.generateVAPIDKeys();
  try {
    writeFileSync(file, JSON.stringify(made), { mode: 0o600, flag: 'wx' });
    return made;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  return JSON.parse(readFileSync(file, 'utf8')) as VapidKeys;
}
