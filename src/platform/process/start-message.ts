/** Facts that an operator needs once the service listens. */
interface StartFacts {
  /** URL of the service on this machine. */
  url: string;
  database: string;
  /** Admin key, if this start generated it. */
  newAdminKey?: string | undefined;
  /** File that contains the admin key. */
  adminKeyFile?: string | undefined;
}

/** Writes the start message to standard output, not to the log, because the log would redact the key. */
export function announce(facts: StartFacts): void {
  process.stdout.write(startMessage(facts, process.stdout.isTTY));
}

/** Returns a table for a terminal; otherwise one JSON line per fact in the format of the log. */
export function startMessage(facts: StartFacts, terminal: boolean): string {
  const lines = Object.entries(described(facts));
  if (terminal) {
    const width = Math.max(...lines.map(([name]) => name.length));
    const table = lines.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`);
    return `\ndefi-realtime is listening\n\n${table.join('\n')}\n\n`;
  }
  const time = new Date().toISOString();
  return lines.map(([name, text]) => `${JSON.stringify({ level: 'info', time, msg: name, value: text })}\n`).join('');
}

function described(facts: StartFacts): Record<string, string> {
  const key = facts.newAdminKey === undefined ? '' : `#key=${facts.newAdminKey}`;
  const sockets = facts.url.replace(/^http/, 'ws');
  return {
    Console: `${facts.url}/${key}`,
    ...(facts.adminKeyFile === undefined ? {} : { 'Admin key': `in ${facts.adminKeyFile}` }),
    'API docs': `${facts.url}/docs`,
    Sockets: `Socket.IO ${facts.url}/v1/realtime, WebSocket ${sockets}/ws, SSE ${facts.url}/v1/stream`,
    Database: facts.database,
    Stop: 'Ctrl-C or SIGTERM',
  };
}
