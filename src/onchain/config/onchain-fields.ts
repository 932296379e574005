import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsInt, Matches, Max, Min, ValidateBy } from 'class-validator';

import { nameFault, normaliseName } from '../../events/index.js';

export const ADDRESS = /^0x[0-9a-f]{40}$/;
/** Highest block number: the largest whole number that JSON carries exactly. */
export const MAX_BLOCK = Number.MAX_SAFE_INTEGER;
const MAX_UINT256 = 2n ** 256n - 1n;
const DIGITS = /^\d{1,78}$/;

/** Converts to lower case, the one spelling of addresses. */
export const Folded = (): PropertyDecorator =>
  Transform(({ value }: { value: unknown }) => {
    if (Array.isArray(value))
      return value.map((each: unknown) => (typeof each === 'string' ? each.toLowerCase() : each));
    return typeof value === 'string' ? value.toLowerCase() : value;
  });

/** Validates the address of an account or contract, which `Folded` has converted. */
export const IsAddress = (): PropertyDecorator =>
  Matches(ADDRESS, { message: '$property must be an address, 0x and 40 hexadecimal digits' });

/** Validates the number of a block in a query parameter. */
export const IsBlockDigits = (): PropertyDecorator =>
  applyDecorators(
    ApiProperty({ type: 'integer', minimum: 0, maximum: MAX_BLOCK, required: false }),
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value,
    ),
    IsInt(),
    Min(0),
    Max(MAX_BLOCK),
  );

/** Whether a text is a number of 256 bits in decimal digits. */
export function isUint256(text: string): boolean {
  return DIGITS.test(text) && BigInt(text) <= MAX_UINT256;
}

/** Validates the id of a token, decimal text. */
export const IsTokenId = (): PropertyDecorator =>
  ValidateBy({
    name: 'isTokenId',
    validator: {
      validate: (value) => typeof value === 'string' && isUint256(value),
      defaultMessage: () => '$property must be a whole number below 2^256 in decimal digits',
    },
  });

/** Validates a list of names of chains and converts them to their canonical spelling. */
export const IsChainNames = (): PropertyDecorator =>
  applyDecorators(
    ApiProperty({ type: [String], required: false }),
    Transform(({ value }: { value: unknown }) =>
      Array.isArray(value)
        ? value.map((each: unknown) => (typeof each === 'string' ? normaliseName('chain', each) : each))
        : value,
    ),
    ValidateBy({
      name: 'isName',
      validator: {
        validate: (value) =>
          Array.isArray(value) &&
          value.every((each) => typeof each === 'string' && nameFault('chain', each) === undefined),
        defaultMessage: () => '$property must be names of chains',
      },
    }),
  );
