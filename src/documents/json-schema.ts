import { z } from 'zod'
import { documentKinds, type KindTable } from './kinds.ts'

/** JSON Schema (draft 2020-12) of each kind, for editors and for the description of the API. */
export function documentJsonSchemas(kinds: KindTable = documentKinds): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(kinds).map(([kind, schema]) => [kind, z.toJSONSchema(schema, { io: 'input' })]),
  )
}

/** One schema that accepts a document of any kind: what an editor wants for `*.yaml` of the configuration directory. */
export function anyDocumentJsonSchema(kinds: KindTable = documentKinds): Record<string, unknown> {
  const all = Object.values(documentJsonSchemas(kinds)) as Record<string, unknown>[]
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    anyOf: all.map(({ $schema: _, ...schema }) => schema),
  }
}
