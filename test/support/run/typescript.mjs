/**
 * Lets Node run benches, and worker threads of the test runner, directly from TypeScript: an import of a missing `./x.js`
 * is resolved to `./x.ts`. Used with --import, together with --experimental-transform-types; child processes inherit
 * both.
 */
import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

registerHooks({
  resolve(specifier, context, next) {
    if (specifier.startsWith('.') && specifier.endsWith('.js') && context.parentURL?.endsWith('.ts')) {
      const source = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
      if (existsSync(fileURLToPath(source))) return next(source.href, context);
    }
    return next(specifier, context);
  },
});
