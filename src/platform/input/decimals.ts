/** Decimal numbers as text: up to 80 digits, then at most 18 decimals, such as `-12.5`. */
const DECIMAL = /^(-?)(\d{1,100})(?:\.(\d{1,18}))?$/;

const MAX_LENGTH = 100;
const MAX_DIGITS = 80;

/** Form of a decimal number, for messages. */
export const DECIMAL_FORM =
  'a number, or a decimal text of at most 80 digits and 18 decimals; a number above 2^53 must be a text';

/** Reads a decimal text and returns it without superfluous zeros; undefined if it has another form. Never throws. */
export function parseDecimal(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > MAX_LENGTH) return undefined;
  const [found, sign = '', written = '', decimals = ''] = DECIMAL.exec(value) ?? [];
  const digits = written.slice(firstDigit(written));
  if (found === undefined || digits.length > MAX_DIGITS) return undefined;
  const end = lastDigit(decimals);
  const fraction = end === 0 ? '' : `.${decimals.slice(0, end)}`;
  const isZero = digits === '0' && fraction === '';
  return `${isZero ? '' : sign}${digits}${fraction}`;
}

/** Compares two decimal texts without superfluous zeros by their values, for sorting. */
export function compareDecimals(left: string, right: string): number {
  const [isLess, isLessToo] = [left.startsWith('-'), right.startsWith('-')];
  if (isLess !== isLessToo) return isLess ? -1 : 1;
  return isLess ? compareSizes(right.slice(1), left.slice(1)) : compareSizes(left, right);
}

function compareSizes(left: string, right: string): number {
  const [digits = '', decimals = ''] = left.split('.');
  const [others = '', otherDecimals = ''] = right.split('.');
  if (digits.length !== others.length) return digits.length - others.length;
  if (digits !== others) return digits < others ? -1 : 1;
  if (decimals === otherDecimals) return 0;
  return decimals < otherDecimals ? -1 : 1;
}

/** Returns the position of the first digit that is not a superfluous zero. */
function firstDigit(digits: string): number {
  let start = 0;
  while (start < digits.length - 1 && digits[start] === '0') start += 1;
  return start;
}

/** Returns the length of the digits without zeros at the end. */
function lastDigit(digits: string): number {
  let end = digits.length;
  while (end > 0 && digits[end - 1] === '0') end -= 1;
  return end;
}
