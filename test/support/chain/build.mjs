/**
 * Compiles PointsNft.sol into points-nft.json, which the tests read. With `--check` it writes nothing and fails if the file
 * is not what the source compiles to: `node test/support/chain/build.mjs [--check]`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import solc from 'solc';

const SOURCE = 'PointsNft.sol';
const target = new URL('points-nft.json', import.meta.url);

const output = JSON.parse(
  solc.compile(
    JSON.stringify({
      language: 'Solidity',
      sources: { [SOURCE]: { content: readFileSync(new URL(SOURCE, import.meta.url), 'utf8') } },
      settings: {
        optimizer: { enabled: true, runs: 200 },
        evmVersion: 'cancun',
        // Without the hash of the source, a comment does not change the code.
        metadata: { bytecodeHash: 'none' },
        outputSelection: { [SOURCE]: { '*': ['abi', 'evm.bytecode.object'] } },
      },
    }),
  ),
);
const faults = (output.errors ?? []).map(({ formattedMessage }) => formattedMessage);
if (faults.length > 0) throw new Error(faults.join('\n'));

const contracts = Object.entries(output.contracts[SOURCE])
  .filter(([, { evm }]) => evm.bytecode.object !== '')
  .map(([name, { abi, evm }]) => [name, { abi, bytecode: `0x${evm.bytecode.object}` }]);
const built = `${JSON.stringify({ solc: solc.version(), contracts: Object.fromEntries(contracts) }, null, 2)}\n`;

if (!process.argv.includes('--check')) writeFileSync(target, built);
else if (readFileSync(target, 'utf8') !== built)
  throw new Error('points-nft.json is not what PointsNft.sol compiles to');
