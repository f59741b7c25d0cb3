import type { OpenAPIObject } from '@nestjs/swagger';
import { z } from 'zod';
import { ALL_ROUTES, problem, type Route } from './contract/index.js';

type Schema = Record<string, unknown>;

/** The OpenAPI 3.1 document of the whole contract. */
export function openApiDocument(version: string): OpenAPIObject {
  const components: Record<string, Schema> = {};
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of ALL_ROUTES) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route, components) };
  }
  const document = {
    openapi: '3.1.0',
    info: { title: 'muster', version, description: 'Bare machines, or a cloud account, into a running cluster.' },
    paths,
    components: {
      schemas: { ...components, Problem: schemaOf(problem, 'output', components) },
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'muster tokens create NAME' } },
    },
    security: [{ token: [] }],
  };
  return document as unknown as OpenAPIObject;
}

function operationOf(route: Route, components: Record<string, Schema>): Schema {
  const status = route.status ?? (route.response === undefined ? 204 : 200);
  return {
    operationId: route.id,
    tags: [route.id.split('.')[0]],
    summary: route.summary,
    description: route.role === null ? 'Needs no token.' : `Needs the role ${route.role}.`,
    ...(route.role === null ? { security: [] } : {}),
    parameters: [...pathParameters(route), ...queryParameters(route, components)],
    ...requestBody(route, components),
    responses: {
      [status]: {
        description: route.summary,
        ...(route.response === undefined
          ? {}
          : {
              content: {
                [route.produces ?? 'application/json']: { schema: schemaOf(route.response, 'output', components) },
              },
            }),
      },
      default: {
        description: 'A problem (RFC 9457)',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  };
}

function pathParameters(route: Route): Schema[] {
  return [...route.path.matchAll(/:(\w+)/g)].map((match) => ({
    name: match[1],
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function queryParameters(route: Route, components: Record<string, Schema>): Schema[] {
  if (route.query === undefined) return [];
  const { properties, required } = schemaOf(route.query, 'input', components) as {
    properties?: Record<string, Schema>;
    required?: string[];
  };
  return Object.entries(properties ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required?.includes(name) ?? false,
    description: schema.description,
    schema,
  }));
}

function requestBody(route: Route, components: Record<string, Schema>): Schema {
  if (route.consumes !== undefined) {
    return { requestBody: { required: true, content: { [route.consumes]: {} } } };
  }
  if (route.body === undefined) return {};
  const schema = schemaOf(route.body, 'input', components);
  return { requestBody: { required: true, content: { 'application/json': { schema } } } };
}

/** A zod schema as JSON Schema 2020-12, its named parts moved to the components. */
function schemaOf(type: z.ZodType, io: 'input' | 'output', components: Record<string, Schema>): Schema {
  const {
    $schema: _dialect,
    $defs,
    ...schema
  } = z.toJSONSchema(type, { io, unrepresentable: 'any' }) as Schema & {
    $defs?: Record<string, Schema>;
  };
  for (const [name, definition] of Object.entries($defs ?? {})) components[name] = pointed(definition) as Schema;
  return pointed(schema) as Schema;
}

function pointed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pointed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      key === '$ref' && typeof item === 'string' ? item.replace('#/$defs/', '#/components/schemas/') : pointed(item),
    ]),
  );
}
