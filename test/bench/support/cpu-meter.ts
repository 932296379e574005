import { readdirSync, readFileSync } from 'node:fs';

/** Resolution of processor times in Linux: hundredths of a second. */
const TICKS_PER_SECOND = 100;

/**
 * Processor time of named groups of processes, each with all its descendants, from /proc. `stop` returns the share of one
 * core that each group has used since `start`: 1 is one core fully used.
 */
export class CpuMeter {
  private before = new Map<string, number>();
  private startedAt = 0;

  constructor(private readonly groups: Readonly<Record<string, readonly number[]>>) {}

  start(): void {
    this.startedAt = performance.now();
    this.before = this.read();
  }

  stop(): Record<string, number> {
    const seconds = (performance.now() - this.startedAt) / 1000;
    const after = this.read();
    const share = (name: string): number =>
      ((after.get(name) ?? 0) - (this.before.get(name) ?? 0)) / TICKS_PER_SECOND / seconds;
    return Object.fromEntries(Object.keys(this.groups).map((name) => [name, Number(share(name).toFixed(3))]));
  }

  private read(): Map<string, number> {
    const processes = readProcesses();
    const roots = new Set(Object.values(this.groups).flat());
    return new Map(
      Object.entries(this.groups).map(([name, pids]) => [
        name,
        pids.reduce((sum, pid) => sum + treeTicks(pid, processes, roots), 0),
      ]),
    );
  }
}

interface ProcessTime {
  readonly parent: number;
  readonly ticks: number;
}

/** Returns the ticks of a process tree. A descendant that is the root of another group is counted there. */
function treeTicks(pid: number, processes: ReadonlyMap<number, ProcessTime>, roots: ReadonlySet<number>): number {
  let ticks = processes.get(pid)?.ticks ?? 0;
  for (const [child, { parent }] of processes) {
    if (parent === pid && !roots.has(child)) ticks += treeTicks(child, processes, roots);
  }
  return ticks;
}

function readProcesses(): Map<number, ProcessTime> {
  const processes = new Map<number, ProcessTime>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      // The command, in brackets, may contain spaces and brackets, so fields are counted from the last closing bracket.
      const fields = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .map(Number);
      const [parent = 0] = fields.slice(1);
      // User and system time of the process and of its ended children.
      const ticks = fields.slice(11, 15).reduce((sum, value) => sum + value, 0);
      processes.set(Number(name), { parent, ticks });
    } catch {
      // The process ended while its file was read.
    }
  }
  return processes;
}
