import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsInt,
  IsNumber,
  IsOptional,
  IsString,
  Length,
  Max,
  ValidateNested,
} from 'class-validator';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DomainError } from '../errors/domain-error.js';
import { isDeeperThan, RequestValidationPipe } from './validation.pipe.js';

class Inner {
  @IsInt()
  @Max(10)
  count!: number;
}

class Outer {
  @IsString()
  name!: string;

  @IsOptional()
  @ValidateNested({ each: true })
  @Type(() => Inner)
  'odd/na~me'?: Inner[];
}

const pipe = new RequestValidationPipe();
const check = (value: unknown, type: 'body' | 'query' = 'body'): Promise<unknown> =>
  pipe.transform(value, { type, metatype: Outer });

async function refusal(value: unknown, type: 'body' | 'query' = 'body'): Promise<DomainError> {
  return check(value, type).then(
    () => expect.fail('was accepted'),
    (error: DomainError) => error,
  );
}

class Listing {
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(5)
  @ValidateNested({ each: true })
  @Type(() => Inner)
  bounded?: Inner[];

  @IsOptional()
  @ValidateNested({ each: true })
  @Type(() => Inner)
  unbounded?: Inner[];
}

class Worded {
  @IsOptional()
  @ArrayUnique()
  @ArrayMinSize(2)
  @ArrayMaxSize(3)
  @Length(1, 4, { each: true })
  names?: string[];

  @IsOptional()
  @IsNumber({ allowNaN: false })
  ratio?: number;
}

const nested = (depth: number): unknown => (depth === 0 ? 1 : { a: nested(depth - 1) });

describe('`RequestValidationPipe`', () => {
  it('returns an instance of the DTO class without converting values', async () => {
    expect(await check({ name: 'x' })).toBeInstanceOf(Outer);
    expect((await refusal({ name: 7 })).errors).toEqual([
      { pointer: '/name', code: 'is_string', detail: 'name must be a string' },
    ]);
  });

  it.each([
    [{ names: ['a'] }, 'names must have 2 or more entries'],
    [{ names: ['a', 'b', 'c', 'd'] }, 'names must have 3 entries at most'],
    [{ names: ['a', 'a'] }, 'names must not have the same entry twice'],
    [{ names: ['a', 'toolong'] }, 'each value in names must have 1 to 4 characters'],
    [{ names: ['a', ''] }, 'each value in names must have 1 to 4 characters'],
    [{ ratio: 'x' }, 'ratio must be a number'],
  ])('returns a plain message about the fault in %j', async (body, detail) => {
    const error = await pipe.transform(body, { type: 'body', metatype: Worded }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ errors: [{ detail }] });
  });

  it('reports every fault with a JSON pointer, through lists and escaped names', async () => {
    const error = await refusal({ name: 'x', 'odd/na~me': [{ count: 1 }, { count: 99 }] });
    expect(error.errors).toEqual([
      { pointer: '/odd~1na~0me/1/count', code: 'max', detail: 'count must not be greater than 10' },
    ]);
    expect(error).toMatchObject({ code: 'invalid_request', field: 'odd~1na~0me/1/count' });
  });

  it('reports a value of the wrong type once, without the faults that follow from it', async () => {
    const error = await refusal({ name: 'x', 'odd/na~me': [{ count: 'many' }] });
    expect(error.errors).toEqual([
      { pointer: '/odd~1na~0me/0/count', code: 'is_int', detail: 'count must be an integer number' },
    ]);
    expect(error.message).toBe('count must be an integer number');
  });

  it('reports query parameters with a leading question mark', async () => {
    expect((await refusal({}, 'query')).errors?.[0]?.pointer).toBe('?name');
  });

  it('reports unknown fields by name', async () => {
    expect((await refusal({ name: 'x', nmae: 'y' })).errors).toEqual([
      { pointer: '/nmae', code: 'unknown_field', detail: 'unknown field nmae; remove it' },
    ]);
  });

  it('limits the list of faults to 50 entries', async () => {
    const flood = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`f${i}${'x'.repeat(500)}`, i]));
    const error = await refusal({ name: 'x', ...flood });
    expect(error.errors).toHaveLength(50);
    expect(JSON.stringify(error.errors).length).toBeLessThan(50_000);
  });

  it.each([null, undefined, [], [[]], 'text', 7, true])('refuses %j if the body must be an object', async (value) => {
    expect((await refusal(value)).code).toBe('invalid_request');
  });

  it('refuses a deeply nested body without a stack overflow', async () => {
    const deep = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`) as unknown;
    expect((await refusal({ name: deep })).message).toMatch(/nested deeper than 32/);
  });

  it('does not let a body change an object prototype', async () => {
    await check(JSON.parse('{"name":"x","__proto__":{"admin":true}}')).catch(() => undefined);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });
});

describe('`isDeeperThan`', () => {
  it('returns true exactly if objects and lists are nested deeper than the limit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 60 }), (depth, limit) => {
        expect(isDeeperThan(nested(depth), limit)).toBe(depth > limit);
      }),
    );
  });
});

describe('a body with thousands of invalid or unknown members', () => {
  const fields = (count: number): object => Object.fromEntries(Array.from({ length: count }, (_, n) => [`f${n}`, 1]));
  const many = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);
  const listing = (value: unknown): Promise<DomainError> =>
    pipe.transform(value, { type: 'body', metatype: Listing }).then(
      () => expect.fail('was accepted'),
      (error: DomainError) => error,
    );

  it.each([
    ['10,000 objects where five are allowed', { bounded: many(10_000, {}) }, 'array_max_size'],
    ['101 objects in a list without a limit of its own', { unbounded: many(101, {}) }, 'array_max_size'],
    ['objects in nested lists', { bounded: [[[many(10_000, { a: 1 })]]] }, 'nested_validation'],
    ['unknown fields of an object', fields(200), 'unknown_field'],
    ['unknown fields of objects', { bounded: many(4, fields(200)) }, 'unknown_field'],
    ['unknown objects', { other: many(10_000, fields(20)) }, 'unknown_field'],
  ])('is refused quickly: %s', async (_what, body, code) => {
    const before = process.threadCpuUsage();
    const error = await listing(body);
    const { user, system } = process.threadCpuUsage(before);
    expect({ code: error.errors?.[0]?.code, isSlow: user + system > 250_000 }).toEqual({ code, isSlow: false });
  });

  it('is refused with one message if it has 1000 unknown fields', async () => {
    expect((await listing({ bounded: many(5, fields(199)) })).errors).toHaveLength(50);
    expect((await listing({ bounded: many(5, fields(200)) })).message).toContain('1000 unknown fields');
    expect((await listing({ unbounded: many(100, fields(200)) })).message).toContain('1000 unknown fields');
  });

  it('has its other faults listed beside the unknown fields', async () => {
    const error = await refusal({ name: 7, more: 1, 'odd/na~me': [{ count: 1, less: 2 }] });
    expect(error.errors?.map(({ pointer, code }) => `${pointer} ${code}`)).toEqual([
      '/more unknown_field',
      '/odd~1na~0me/0/less unknown_field',
      '/name is_string',
    ]);
  });
});
