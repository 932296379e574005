import { ValidateBy } from 'class-validator';
import { RANGE_FORMS, readTime, type TimeForms } from './time.js';

const checked = (name: string, forms: TimeForms): PropertyDecorator =>
  ValidateBy({
    name,
    validator: {
      validate: (value) => typeof value === 'string' && 'at' in readTime(value, 0, forms),
      defaultMessage: (given) => {
        const reading = readTime(given?.value, 0, forms);
        return `$property ${'fault' in reading ? reading.fault : 'must be a text'}`;
      },
    },
  });

/** Validates a time with zone, ISO 8601. */
export const IsTime = (): PropertyDecorator => checked('isTime', {});

/**
 * Validates a time, a day, Unix milliseconds in digits, or a time relative to the present (`now-7d`); `parseTime` parses the
 * value.
 */
export const IsMoment = (): PropertyDecorator => checked('isMoment', RANGE_FORMS);
