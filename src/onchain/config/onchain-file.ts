import { readFile } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import { DomainError } from '../../platform/errors/domain-error.js';
import { RequestValidationPipe } from '../../platform/http/validation.pipe.js';
import { SettingsError } from '../../platform/settings/settings.js';
import { OnchainSetup } from './setup.dto.js';

/** Maximum number of aliases that a file may expand to; more are an attempt to exhaust memory. */
const MAX_ALIASES = 100;

/**
 * Reads the file of chains, contracts and rules.
 * @throws SettingsError that names every fault of the file, with its position
 */
export async function readOnchainFile(path: string): Promise<OnchainSetup> {
  const named = (fault: string): string => `ONCHAIN_CONFIG=${path}: ${fault}`;
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new SettingsError([named(error instanceof Error ? error.message : String(error))]);
  });
  const document = parseDocument(text, { prettyErrors: true });
  if (document.errors.length > 0) throw new SettingsError(document.errors.map(({ message }) => named(message)));
  const content: unknown = document.toJS({ maxAliasCount: MAX_ALIASES }) ?? {};
  try {
    return await checkedSetup(content);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const faults = error.errors?.map(({ pointer, detail }) => `${pointer}: ${detail}`) ?? [error.message];
    throw new SettingsError(faults.map(named));
  }
}

async function checkedSetup(content: unknown): Promise<OnchainSetup> {
  const checked: unknown = await new RequestValidationPipe().transform(content, {
    type: 'body',
    metatype: OnchainSetup,
  });
  if (!(checked instanceof OnchainSetup)) throw new DomainError('invalid_request', 'must be a mapping');
  const names = checked.chains.map(({ id }) => id);
  const repeated = names.find((name, at) => names.indexOf(name) !== at);
  if (repeated !== undefined) {
    throw new DomainError('invalid_request', `/chains: must not name the chain ${repeated} twice`);
  }
  for (const { id, contracts } of checked.chains) {
    const addresses = contracts.map(({ address }) => address);
    const twice = addresses.find((address, at) => addresses.indexOf(address) !== at);
    if (twice !== undefined) {
      throw new DomainError('invalid_request', `/chains: must not name the contract ${twice} of ${id} twice`);
    }
  }
  return checked;
}
