import { stringify } from 'yaml';

/** Writes a JSON text as YAML. Runs in a worker thread: the documents of the APIs take hundreds of milliseconds. */
export function yamlOf(json: string): string {
  return stringify(JSON.parse(json), { aliasDuplicateObjects: false, lineWidth: 120 });
}
