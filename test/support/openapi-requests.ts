interface Schema {
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  properties?: Record<string, Schema>;
  items?: Schema;
  default?: unknown;
}

interface Parameter {
  name: string;
  in: 'path' | 'query';
}

export interface OpenApi {
  paths: Record<
    string,
    Record<
      string,
      {
        operationId: string;
        description: string;
        parameters: Parameter[];
        requestBody?: { content: Record<string, { schema?: Schema }> };
      }
    >
  >;
}

/** One operation of the document, with what a well-meant request of it looks like. */
export interface Operation {
  id: string;
  method: string;
  /** With `{name}` for parameters. */
  path: string;
  needsToken: boolean;
  pathNames: string[];
  queryNames: string[];
  /** Null where it takes no JSON. */
  body: Record<string, unknown> | null;
}

export function operationsOf(document: OpenApi, examples: Record<string, unknown>): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const named = (where: string) => operation.parameters.flatMap((each) => (each.in === where ? [each.name] : []));
      const schema = operation.requestBody?.content['application/json']?.schema;
      return {
        id: operation.operationId,
        method: method.toUpperCase(),
        path,
        needsToken: !operation.description.startsWith('Needs no token'),
        pathNames: named('path'),
        queryNames: named('query'),
        body: schema === undefined ? null : (exampleOf(schema, '', examples) as Record<string, unknown>),
      };
    }),
  );
}

/** A value of the schema; what a pattern asks for is looked up by the name of the field. */
function exampleOf(schema: Schema, name: string, examples: Record<string, unknown>): unknown {
  if (name in examples) return examples[name];
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.const !== undefined) return schema.const;
  const [first] = schema.anyOf ?? schema.oneOf ?? [];
  if (first !== undefined) return exampleOf(first, name, examples);
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([key, part]) => [key, exampleOf(part, key, examples)]),
      );
    case 'array':
      return [];
    case 'integer':
    case 'number':
      return 100;
    case 'boolean':
      return true;
    default:
      return 'example';
  }
}
