import { readFileSync } from 'node:fs';

/** Members of Google's service account file that are used. */
export interface ServiceAccount {
  projectId: string;
  clientEmail: string;
  privateKey: string;
  tokenUri: string;
  /** URL of Google's `projects/…/messages:send`, or the file's `fcm_endpoint`. */
  sendUrl: string;
}

/** Reads the file in FCM_SERVICE_ACCOUNT; throws for an invalid file, which stops the start. */
export function readServiceAccount(file: string): ServiceAccount {
  const parsed = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  const field = (name: string, fallback?: string): string => {
    const value = parsed[name] ?? fallback;
    if (typeof value !== 'string') throw new Error(`FCM_SERVICE_ACCOUNT: the file has no ${name}`);
    return value;
  };
  const projectId = field('project_id');
  const endpoint = field('fcm_endpoint', `https://fcm.${field('universe_domain', 'googleapis.com')}`);
  return {
    projectId,
    clientEmail: field('client_email'),
    privateKey: field('private_key'),
    tokenUri: field('token_uri', 'https://oauth2.googleapis.com/token'),
    sendUrl: `${endpoint}/v1/projects/${encodeURIComponent(projectId)}/messages:send`,
  };
}
