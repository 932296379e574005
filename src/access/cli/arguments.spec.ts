import { describe, expect, it } from 'vitest';
import { HELP, parseArguments, UsageError } from './arguments.js';

const NOW = Date.UTC(2026, 0, 1);
const parse = (line: string) => parseArguments(line === '' ? [] : line.split(' '), NOW);

describe('the parser of the `apikey` command line', () => {
  it('parses `create` with default values and with explicit options', () => {
    expect(parse('create --user alice')).toEqual({
      name: 'create',
      key: {
        userId: 'alice',
        name: '',
        role: 'reader',
        tier: 'free',
        expiresAt: null,
        subscriptionTypes: null,
        transports: null,
        limits: {},
      },
    });
    expect(
      parse(
        'create --user a --role admin --tier pro --name n --expires 30d --types alerts,alerts --transports sse,rest',
      ),
    ).toMatchObject({
      key: {
        role: 'admin',
        tier: 'pro',
        name: 'n',
        expiresAt: new Date(NOW + 30 * 86_400_000),
        subscriptionTypes: ['alerts'],
        transports: ['sse', 'rest'],
      },
    });
    expect(parse('create --user a --expires 2027-01-31T12:00:00Z')).toMatchObject({
      key: { expiresAt: new Date('2027-01-31T12:00:00Z') },
    });
  });

  it('parses `list`, `revoke` and `rotate`', () => {
    expect(parse('list')).toEqual({ name: 'list', userId: undefined, json: false });
    expect(parse('list --user a --json')).toEqual({ name: 'list', userId: 'a', json: true });
    expect(parse('revoke abc')).toEqual({ name: 'revoke', id: 'abc' });
    expect(parse('rotate abc')).toEqual({ name: 'rotate', id: 'abc', overlapSeconds: 0 });
    expect(parse('rotate abc --overlap 15m')).toEqual({ name: 'rotate', id: 'abc', overlapSeconds: 900 });
  });

  it('returns the help command for `--help`, `-h` and an empty command line', () => {
    for (const line of ['', '--help', '-h', 'create --help']) expect(parse(line)).toEqual({ name: 'help' });
    for (const word of ['create', 'list', 'revoke', 'rotate', '--overlap', '--expires']) expect(HELP).toContain(word);
  });

  it.each(['--hlep', 'create --user a --colour red', 'list --hlep', '-x'])(
    'names the unknown option in the error for `%s`',
    (line) => {
      const option = line.split(' ').find((word) => word !== '--user' && word.startsWith('-'));
      expect(() => parse(line)).toThrow(new UsageError(`unknown argument ${option}; see --help`, ''));
    },
  );

  it.each([
    'make',
    'create',
    'create --user',
    `create --user ${'x'.repeat(256)}`,
    'create --user a\u0007b',
    'create --user a --role root',
    'create --user a --tier gold',
    'create --user a --expires 30',
    'create --user a --expires 0d',
    'create --user a --expires 999999999d',
    'create --user a --expires 2001-01-01T00:00:00Z',
    'create --user a --types x',
    'create --user a --transports x',
    'create --user a --json',
    'create --user a b',
    'list x',
    'revoke',
    'revoke a b',
    'revoke a --overlap 1h',
    'rotate a --overlap 31d',
    'rotate a --overlap soon',
  ])('refuses `%s` with an error that points to `--help`', (line) => {
    expect(() => parse(line)).toThrow(UsageError);
    expect(() => parse(line)).toThrow('--help');
  });
});
