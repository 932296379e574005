/** Endpoint in its own process: builds the chain that its argument names and prints its address. Ends with its parent. */
import { MockRpc } from './mock-rpc.ts';

const { module, name, input } = JSON.parse(process.argv[2] ?? '{}');
const chain = (await import(module))[name](input);
const rpc = await MockRpc.start(chain);
process.stdout.write(`${JSON.stringify({ url: rpc.url, wsUrl: rpc.wsUrl })}\n`);
process.on('disconnect', () => process.exit());
