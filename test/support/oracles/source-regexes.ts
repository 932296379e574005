import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

/** Regular expression in the source code. */
interface SourceRegex {
  /** Place as `path:line`. */
  readonly place: string;
  readonly file: string;
  readonly source: string;
  readonly flags: string;
}

/** `RegExp` call whose pattern is composed at run time. */
interface ComposedRegex {
  readonly place: string;
  readonly file: string;
  readonly text: string;
}

export interface SourceRegexes {
  readonly literals: SourceRegex[];
  readonly composed: ComposedRegex[];
}

/** Returns all regular expressions in a folder's TypeScript and JavaScript files, except tests. */
export function sourceRegexes(root: string): SourceRegexes {
  const found: SourceRegexes = { literals: [], composed: [] };
  for (const entry of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(?:ts|js|mjs)$/.test(entry) || /\.spec\.ts$|\.fixture\.ts$/.test(entry)) continue;
    collect(join(root, entry), relative(root, join(root, entry)), found);
  }
  return found;
}

function collect(path: string, file: string, found: SourceRegexes): void {
  const tree = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const placeOf = (node: ts.Node): string => `${file}:${tree.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf('/');
      found.literals.push({
        place: placeOf(node),
        file,
        source: node.text.slice(1, end),
        flags: node.text.slice(end + 1),
      });
    }
    const isCall = ts.isNewExpression(node) || ts.isCallExpression(node);
    if (isCall && ts.isIdentifier(node.expression) && node.expression.text === 'RegExp') {
      const [pattern, flags] = node.arguments ?? [];
      if (pattern !== undefined && ts.isStringLiteralLike(pattern) && (!flags || ts.isStringLiteralLike(flags))) {
        found.literals.push({ place: placeOf(node), file, source: pattern.text, flags: flags?.text ?? '' });
      } else found.composed.push({ place: placeOf(node), file, text: node.getText() });
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
}
