import { expect, it } from 'vitest';
import { csvCell, toCsv } from './csv.js';
import { inSlices } from '../loop/slices.js';

it.each([
  ['=1+1', "'=1+1"],
  ['+1', "'+1"],
  ['@SUM', "'@SUM"],
  ['\tx', "'\tx"],
  ['\rx', `"'\rx"`],
  ['＝1', "'＝1"],
  ['＋1', "'＋1"],
  ['＠x', "'＠x"],
  ['-', '-'],
  ['-5', '-5'],
  ['-5.25', '-5.25'],
  ['-1e9', '-1e9'],
  ['-1+2', "'-1+2"],
  ['-cmd', "'-cmd"],
  ['--1', "'--1"],
  ['－1+2', "'－1+2"],
  ['a=1', 'a=1'],
  ['', '""'],
  [null, ''],
  [undefined, ''],
  [-5, '-5'],
  [true, 'true'],
  [[], ''],
  [['a', 'b'], 'a|b'],
  [['=a'], "'=a"],
  ['a,"b"\n', '"a,""b""\n"'],
  [{ a: 1 }, '"{""a"":1}"'],
])('the CSV cell of %j is %j', (value, cell) => {
  expect(csvCell(value)).toBe(cell);
});

it('an empty CSV table has a header; a missing value is empty and an empty text is `""`', () => {
  expect(toCsv([], ['a', 'b'])).toBe('a,b\r\n');
  expect(toCsv([{ a: '' }, { b: 1 }])).toBe('a,b\r\n"",\r\n,1\r\n');
});

it('two generators run in slices take turns, one slice each', async () => {
  const order: string[] = [];
  function* work(name: string) {
    for (let step = 0; step < 3; step += 1) {
      const end = performance.now() + 9;
      while (performance.now() < end);
      order.push(name);
      yield step;
    }
  }
  const [first, second] = await Promise.all([inSlices(work('a')), inSlices(work('b'))]);
  expect([first, second]).toEqual([
    [0, 1, 2],
    [0, 1, 2],
  ]);
  expect(order).toEqual(['a', 'b', 'a', 'b', 'a', 'b']);
});

it('CSV output quotes special characters, joins lists with `|` and leaves null empty', () => {
  const rows = [
    { name: 'a,b', chains: ['x', 'y'], tvl: 1.5, none: null },
    { name: 'say "hi"\nthere', chains: [], tvl: -2, extra: { a: 1 } },
  ];
  expect(toCsv(rows)).toBe('name,chains,tvl,none,extra\r\n"a,b",x|y,1.5,,\r\n"say ""hi""\nthere",,-2,,"{""a"":1}"\r\n');
});
