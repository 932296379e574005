/** Returns SQL that replaces the check of token names by one for the given form. */
export function tokenCheck(form: string): string {
  return `
ALTER TABLE token_prices DROP CONSTRAINT token_prices_token_check;
ALTER TABLE token_prices ADD CONSTRAINT token_prices_token_check
  CHECK (token !~ '[[:space:][:cntrl:]]' AND length(token) BETWEEN 1 AND 128 AND ${form});`;
}

/** Condition on the form of a token; addresses that do not begin with 0x are case-sensitive (base58, bech32, IBC). */
export const TOKEN_FORM = `CASE
    WHEN strpos(token, ':') = 0 OR lower(substr(token, strpos(token, ':') + 1, 2)) = '0x' THEN token = lower(token)
    ELSE split_part(token, ':', 1) = lower(split_part(token, ':', 1)) END`;
