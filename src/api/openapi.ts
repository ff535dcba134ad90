import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import { z } from 'zod'
import { access } from './access.ts'
import { type Route, routeKey } from './route.ts'
import { problemSchema } from './schema/common.ts'

type Converted = Record<string, unknown>

/** OpenAPI 3.1 out of the very schemas that requests and answers are checked with. */
export function openapiOptions(version: string, routes: readonly Route[]): FastifyDynamicSwaggerOptions {
  const byKey = new Map(routes.map(route => [routeKey(route), route]))
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Sallyport management API',
        version,
        description:
          'Sign-in, sessions, documents, agents and the audit trail of one gateway. Every error is a problem document (RFC 9457).',
      },
      components: {
        securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
        schemas: { Problem: jsonSchemaOf(problemSchema, 'output') },
      },
    },
    transform: ({ schema, url, route }) => {
      const key = (route.config as { key?: string } | undefined)?.key
      const definition = key === undefined ? undefined : byKey.get(key)
      if (definition === undefined) return { schema: { ...schema, hide: true }, url }
      return { schema: operationOf(definition) as typeof schema, url }
    },
  }
}

function operationOf(route: Route): Converted {
  const key = routeKey(route)
  const rule = access[key]!
  const verbs = rule.kind === 'public' ? `Open: ${rule.why}.` : `Needs ${rule.verbs.join(' or ')}.`
  return {
    summary: route.summary,
    description: verbs,
    operationId: operationId(key),
    tags: [route.path.startsWith('/v1/') ? route.path.split('/')[2]! : 'gateway'],
    security: rule.kind === 'public' ? [] : [{ token: [] }],
    ...(route.produces === undefined ? {} : { produces: [route.produces] }),
    ...(route.body === undefined ? {} : { body: jsonSchemaOf(route.body, 'input') }),
    ...(route.query === undefined ? {} : { querystring: jsonSchemaOf(route.query, 'input') }),
    ...(route.params === undefined ? {} : { params: jsonSchemaOf(route.params, 'input') }),
    response: {
      [route.status ?? 200]: { description: 'done', ...jsonSchemaOf(route.response, 'output') },
      default: {
        description: 'refused or failed',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  }
}

function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): Converted {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    target: 'draft-2020-12',
    unrepresentable: 'any',
  })
  return rest as Converted
}

/** `GET /v1/sessions/:id` becomes `getSessionsId`. */
function operationId(key: string): string {
  const [method, path] = key.split(' ') as [string, string]
  const words = path
    .replace('/v1/', '/')
    .split(/[^A-Za-z]+/)
    .filter(word => word !== '')
  return method.toLowerCase() + words.map(word => word[0]!.toUpperCase() + word.slice(1)).join('')
}
