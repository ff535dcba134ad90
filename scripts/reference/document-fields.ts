import { z } from 'zod'
import { agentConfigSchema } from '../../src/agent/config.ts'
import { documentKinds } from '../../src/documents/kinds.ts'
import { policyTestSchema } from '../../src/policy/testing/schema.ts'

/** A field of a document as the schema has it. */
export interface Field {
  /** Dots between names; `[]` stands for each item of a list, `{}` for each value of a map. */
  readonly path: string
  readonly type: string
  readonly required: boolean
  /** Only where the schema itself fills it in. */
  readonly fallback: string | undefined
}

interface JsonSchema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly additionalProperties?: JsonSchema | boolean
  readonly anyOf?: readonly JsonSchema[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly default?: unknown
}

/** The kinds that people write, with the schema that reads each. */
export const schemas: Readonly<Record<string, z.ZodType>> = {
  Channel: documentKinds.Channel,
  Connection: documentKinds.Connection,
  IdentityProvider: documentKinds.IdentityProvider,
  MaskingRules: documentKinds.MaskingRules,
  Person: documentKinds.Person,
  Policy: documentKinds.Policy,
  PolicyTest: policyTestSchema,
  AgentConfig: agentConfigSchema,
}

/** Every field of a kind in the order of the schema, but for those that all documents share. */
export function fieldsOf(kind: string): Field[] {
  const schema = z.toJSONSchema(schemas[kind]!, { io: 'input', unrepresentable: 'any' }) as JsonSchema
  const shared = new Set(['apiVersion', 'kind', 'metadata'])
  return below(schema, '').filter(field => !shared.has(field.path.split('.')[0]!))
}

function below(schema: JsonSchema, prefix: string): Field[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`
    const field: Field = {
      path,
      type: typeOf(child),
      required: schema.required?.includes(name) === true,
      fallback: child.default === undefined ? undefined : JSON.stringify(child.default),
    }
    return [field, ...below(child, path)]
  })
  const items = schema.items === undefined ? [] : below(schema.items, `${prefix}[]`)
  const values = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined
  const mapped = values === undefined ? [] : below(values, `${prefix}{}`)
  // Of several forms one is chosen: what one of them requires, the document as a whole does not.
  const choices = (schema.anyOf ?? [])
    .flatMap(choice => below(choice, prefix))
    .map(field => ({ ...field, required: false }))
  return [...own, ...items, ...mapped, ...choices]
}

/** So many that they have a table of their own, in the policy language. */
const many = 12

function typeOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return `\`${schema.const}\``
  if (schema.enum !== undefined && schema.enum.length > many) return '[risk classes](../policy/language.md)'
  if (schema.enum !== undefined) return schema.enum.map(value => `\`${value}\``).join(', ')
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(' or ')
  if (schema.type === 'array') return `list of ${plural(typeOf(schema.items ?? {}))}`
  if (schema.type === 'object') {
    const values = schema.additionalProperties
    return typeof values === 'object' ? `map of ${plural(typeOf(values))}` : 'object'
  }
  return schema.type ?? 'anything'
}

function plural(type: string): string {
  return /^(string|object|boolean|integer|number)$/.test(type) ? `${type}s` : type
}
