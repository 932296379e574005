import { runInNewContext } from 'node:vm';

export interface TrialInput {
  do: 'echo' | 'throw' | 'throw elsewhere' | 'spin' | 'burn' | 'hoard';
  text: string;
}

export function trial({ do: what, text }: TrialInput): string {
  if (what === 'throw') throw new RangeError(text);
  if (what === 'throw elsewhere') runInNewContext(`throw new RangeError("${text}")`);
  if (what === 'hoard') {
    const kept: number[][] = [];
    for (;;) kept.push(Array<number>(2_000_000).fill(0.5));
  }
  if (what === 'spin') for (;;) Math.random();
  if (what === 'burn') for (const end = process.cpuUsage().user + 60_000; process.cpuUsage().user < end;) Math.random();
  return text;
}
