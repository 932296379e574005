import type { DataSource } from 'typeorm';
import { ApiKeyEntity } from '../keys/api-key.entity.js';

interface Listing {
  userId: string | undefined;
  json: boolean;
}

/** Returns keys in descending order of creation, as lines of a table or one JSON object per line. */
export async function listKeys(source: DataSource, { userId, json }: Listing): Promise<string[]> {
  const keys = await source.getRepository(ApiKeyEntity).find({
    ...(userId === undefined ? {} : { where: { userId } }),
    order: { position: 'DESC' },
  });
  const rows = keys.map(shown);
  return json ? rows.map((row) => JSON.stringify(row)) : table(rows);
}

function shown({ id, userId, name, role, tier, createdAt, expiresAt, revokedAt }: ApiKeyEntity) {
  const expired = expiresAt !== null && expiresAt.getTime() <= Date.now();
  const state = revokedAt !== null ? 'revoked' : expired ? 'expired' : 'active';
  const expires = expiresAt?.toISOString() ?? 'never';
  return { id, user: userId, role, tier, state, expires, created: createdAt.toISOString(), name };
}

function table(rows: readonly ReturnType<typeof shown>[]): string[] {
  const [first] = rows;
  if (first === undefined) return ['no keys'];
  const lines = [Object.keys(first), ...rows.map((row) => Object.values(row))];
  const widths = Object.keys(first).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
