import { z } from 'zod'
import type { Path } from './yaml-source.ts'

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema
  readonly additionalProperties?: JsonSchema | boolean
  readonly anyOf?: readonly JsonSchema[]
}

const cache = new WeakMap<z.ZodType, JsonSchema>()

/** The keys that the schema knows at `path`; empty when it knows of none there. */
export function knownKeys(schema: z.ZodType, path: Path): string[] {
  let json = cache.get(schema)
  if (json === undefined) {
    json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema
    cache.set(schema, json)
  }
  let at: JsonSchema | undefined = json
  for (const step of path) {
    if (at === undefined) return []
    at = typeof step === 'number' ? at.items : at.properties?.[step]
  }
  return Object.keys(at?.properties ?? {})
}
