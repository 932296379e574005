// S3 server on loopback, for tests that take it away: `node s3-server.mjs <port> <directory> <bucket>`. Prints `ready`.
import S3rver from '@20minutes/s3rver';

const [port, directory, bucket] = process.argv.slice(2);
const server = new S3rver({
  address: '127.0.0.1',
  port: Number(port),
  silent: true,
  directory,
  configureBuckets: [{ name: bucket }],
});
// Listings are signed for the path `/bucket/`, as they are sent; this server signs `/bucket`, and would refuse them.
let listings = 0;
server.middleware.unshift(async (ctx, next) => {
  const isListing = ctx.method === 'GET' && ctx.path.endsWith('/');
  if (isListing) listings++;
  server.allowMismatchedSignatures = listings > 0;
  try {
    await next();
  } finally {
    if (isListing) listings--;
    server.allowMismatchedSignatures = listings > 0;
  }
});
await server.run();
console.log('ready');
