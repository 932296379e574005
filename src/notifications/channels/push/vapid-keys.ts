import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import webPush from 'web-push';
import { dataDirectory } from '../../../platform/settings/data-directory.js';
import type { Settings } from '../../../platform/settings/settings.js';

export interface VapidKeys {
  publicKey: string;
  privateKey: string;
}

const FILE = 'vapid.json';

/**
 * Returns the key pair by which browsers know this service. Without one in the settings it is created once and kept in
 * DATA_DIR/vapid.json: several processes on several machines need the settings, because subscriptions belong to the pair.
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
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  return JSON.parse(readFileSync(file, 'utf8')) as VapidKeys;
}
