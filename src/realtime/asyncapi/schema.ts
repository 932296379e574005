/** A JSON Schema (draft 7, the default schema language of AsyncAPI 3). */
export type Schema = Readonly<Record<string, unknown>>;
export type Properties = Readonly<Record<string, Schema>>;

/** Message of the document: one name on one transport, with the schema of its body. */
export interface MessageDescription {
  readonly name: string;
  readonly summary: string;
  readonly payload: Schema;
  readonly example: unknown;
}

export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

/** Returns the schema of a closed object: every property is required unless listed as optional, and no other may appear. */
export function closed(properties: Properties, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', properties, ...(required.length > 0 ? { required } : {}), additionalProperties: false };
}

export const list = (items: Schema, extra: Schema = {}): Schema => ({ type: 'array', items, ...extra });
export const constant = (value: string | boolean): Schema => ({ const: value });
export const oneOf = (...options: Schema[]): Schema => ({ oneOf: options });
export const choice = (values: readonly string[], description?: string): Schema => ({
  type: 'string',
  enum: values,
  ...(description === undefined ? {} : { description }),
});
export const text = (description: string, extra: Schema = {}): Schema => ({ type: 'string', description, ...extra });
export const number = (description: string, extra: Schema = {}): Schema => ({ type: 'number', description, ...extra });
export const integer = (description: string, extra: Schema = {}): Schema => ({
  type: 'integer',
  description,
  ...extra,
});
export const nullable = (schema: Schema & { type?: unknown }): Schema => ({ ...schema, type: [schema.type, 'null'] });
export const flag = (description: string): Schema => ({ type: 'boolean', description });
export const openObject = (description: string): Schema => ({ type: 'object', description });
