/** The published schemas, as another program would apply them. */
import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';

export const SCHEMAS = new URL('../../docs/schemas/', import.meta.url);

const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true });

/** By file name: `verdict-1.json`. */
export const schemas: ReadonlyMap<string, object> = new Map(
  readdirSync(SCHEMAS).map(file => [
    file,
    JSON.parse(readFileSync(new URL(file, SCHEMAS), 'utf8')),
  ]),
);

const validators = new Map([...schemas].map(([file, schema]) => [file, ajv.compile(schema)]));

/** What is wrong with a document once it is printed, one line each. */
export function schemaFaults(file: string, document: unknown): string[] {
  const validate = validators.get(file)!;
  validate(JSON.parse(JSON.stringify(document)));
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}
