import assert from 'node:assert/strict'
import { API_VERSION } from '../../brand.ts'
import { printedSchemas } from '../schema/printed.ts'

/** Documents that operators write; `get` prints them as they are. */
const written = new Set(['Connection', 'IdentityProvider', 'MaskingRules', 'Policy'])

/**
 * Fails when what a command printed with `-o json` is not of the published schema, or holds a field that it does not
 * name. Nothing was printed: nothing to look at.
 */
export function assertPrinted(args: readonly string[], stdout: string): void {
  const at = args.indexOf('-o')
  if (at === -1 || args[at + 1] !== 'json' || stdout === '') return
  for (const document of documentsOf(stdout)) {
    const { apiVersion, kind } = document as { readonly apiVersion: unknown; readonly kind: string }
    assert.equal(apiVersion, API_VERSION, args.join(' '))
    if (written.has(kind)) continue
    const schema = printedSchemas[kind]
    assert.ok(schema, `${args.join(' ')}: the kind ${kind} has no schema in src/api/schema/printed.ts`)
    const read = schema.safeParse(document)
    assert.ok(read.success, `${args.join(' ')}: ${read.error?.message}`)
    assert.deepEqual(read.data, document, `${args.join(' ')}: fields that the schema does not name`)
  }
}

/** One document, or one a line. */
function documentsOf(stdout: string): unknown[] {
  try {
    return [JSON.parse(stdout)]
  } catch {
    const lines = stdout.split('\n')
    // The last one may be cut off by whoever stopped reading.
    return lines.slice(0, -1).map(line => JSON.parse(line))
  }
}
