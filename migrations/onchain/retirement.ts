import { onchainFunctions } from './functions.js';

const BEGIN = '-- Drops the partitions of days';
const END = '-- Acquires or renews a chain';

const original = onchainFunctions
  .slice(onchainFunctions.indexOf(BEGIN), onchainFunctions.indexOf(END))
  .replace('CREATE FUNCTION', 'CREATE OR REPLACE FUNCTION');

/** The function before it noted what it drops. */
export const onchainRetirementBefore = original;

/**
 * The function that drops old partitions notes for each contract the blocks between the first and the last log that it drops:
 * two look-ups in an index, however many logs there are.
 */
export const onchainRetirement = original.replace(
  `EXECUTE format('DROP TABLE %I', part.name); END IF;`,
  `
      EXECUTE format($q$
        UPDATE onchain_contracts c SET dropped = c.dropped + int8multirange(int8range(d.low, d.high, '[]'))
        FROM (SELECT k.id, (SELECT min(p.block_number) FROM %1$I p WHERE p.contract = k.id) AS low,
            (SELECT max(p.block_number) FROM %1$I p WHERE p.contract = k.id) AS high FROM onchain_contracts k) AS d
        WHERE d.id = c.id AND d.low IS NOT NULL$q$, part.name);
      EXECUTE format('DROP TABLE %I', part.name);
    END IF;`,
);
