/**
 * And/or tree of a rule over its conditions, as bits: bit i is condition i. The tree has no "not": compile-rule.ts moves
 * negations into the conditions. So a condition without data simply does not hold, and never makes a rule true.
 */
export interface Program {
  readonly all: boolean;
  /** Conditions directly under this node. */
  readonly bits: number;
  readonly children: readonly Program[];
}

/** Whether the rule is true when exactly the conditions of `held` hold. */
export function isTrue(program: Program, held: number): boolean {
  const { all, bits, children } = program;
  if (all) {
    if ((held & bits) !== bits) return false;
    for (const child of children) if (!isTrue(child, held)) return false;
    return true;
  }
  if ((held & bits) !== 0) return true;
  for (const child of children) if (isTrue(child, held)) return true;
  return false;
}

/** Distinct programs with numbers: a million rules share a few programs. */
export class Programs {
  private readonly programs: Program[] = [];
  private readonly known = new Map<string, number>();

  /** Returns the number of a program; equal programs have the same number. */
  intern(program: Program): number {
    const key = keyOf(program);
    const known = this.known.get(key);
    if (known !== undefined) return known;
    this.known.set(key, this.programs.length);
    return this.programs.push(program) - 1;
  }

  isTrue(id: number, held: number): boolean {
    const program = this.programs[id];
    return program !== undefined && isTrue(program, held);
  }
}

function keyOf({ all, bits, children }: Program): string {
  return `${all ? '&' : '|'}${bits}(${children.map(keyOf).join()})`;
}

/** Returns the sets of conditions (as bits) that each make the rule true by themselves: its disjunctive normal form. */
export function alternatives({ all, bits, children }: Program): number[] {
  const branches = children.map(alternatives);
  if (!all) {
    const single = Array.from({ length: 16 }, (_, i) => 1 << i).filter((bit) => (bits & bit) !== 0);
    return [...single, ...branches.flat()];
  }
  return branches.reduce((combined, branch) => combined.flatMap((held) => branch.map((more) => held | more)), [bits]);
}
