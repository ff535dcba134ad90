import { createHash } from 'node:crypto'
import { stringify } from 'yaml'

/** JSON with sorted keys and no white space: the same document gives the same text, whoever wrote it. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(value))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const result = Object.create(null) as Record<string, unknown>
  for (const key of Object.keys(value).sort()) result[key] = sorted((value as Record<string, unknown>)[key])
  return result
}

/** A document as YAML: apiVersion, kind, metadata, spec in this order, the rest as it was written. */
export function toYaml(document: unknown): string {
  return stringify(document, { lineWidth: 110, aliasDuplicateObjects: false })
}

interface Named {
  readonly kind: string
  readonly metadata: { readonly name: string }
}

/** `sha256:` and hex over all documents, whatever their order and layout. */
export function digestDocuments(documents: readonly Named[]): string {
  const hash = createHash('sha256')
  for (const text of documents.map(d => `${documentKey(d)}\n${canonicalJson(d)}\n`).sort()) hash.update(text)
  return `sha256:${hash.digest('hex')}`
}

/** `Policy/team-a` */
export function documentKey(d: Named): string {
  return `${d.kind}/${d.metadata.name}`
}
